"""A copy of complex images in which all dates of a place lie side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jeoview.collection import stack
from jeoview.progress import Watch

if TYPE_CHECKING:
    from jeoview.collection.slc import SlcCollection


def cache_stack(
    self: SlcCollection, folder: str | Path | None = None, *, progress: bool | Watch = True
) -> SlcCollection:
    """Copy the images so that all dates of a pixel lie side by side: a tile of persistent scatterers is then one read.

    The copy holds the sensor's own pixels, number for number, in any geometry; rasters of places and look-up tables
    stay where they are and are still needed. It has no overviews: a mean of complex pixels is no amplitude and no phase of
    a pair. A single day is read from its own file, of which the copy would be read with all dates. A copy that is stopped
    is gone on with by the next call.

    Parameters
    ----------
    folder : str or Path, optional
        Where to; ``stacks`` in the user's cache folder by default.
    progress : bool or function
        Show a bar; or a function of its name and total that gives one.

    Returns
    -------
    SlcCollection
        The same images and reference, read from the copy; the same values, with keys of their own.

    Raises
    ------
    PendingError
        If another process makes the same copy.
    JeoviewError
        If the disk is full, the folder locked or a file unreadable; what is written is kept for the next call.
    CancelledByUser
        If it was stopped; what is written is kept.
    """
    name, items = stack.current(self.name, self.items, tell=False)
    if stack.is_copy(items):
        return self
    plan = stack.CopyPlan(name, items, stack.image_packings(items))
    return replace(self, name=stack.copy_stack(plan, folder, progress=progress))
