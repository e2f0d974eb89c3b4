"""Writes stack stores: window by window, under another name until whole; what was stopped is gone on with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jeoview.errors import JeoviewError
from jeoview.grid import Grid
from jeoview.io.stack import KIND, Array
from jeoview.io.stack_mend import is_sound, reopen
from jeoview.io.stack_plan import FLOAT, Packing, StackPlan
from jeoview.io.stack_shard import Pyramid, TooLargeError, write_json
from jeoview.io.stack_unfinished import Journal, Unfinished

Read = Callable[[str, Grid], Array]
Note = Callable[[Grid], object]


def write_stack(target: Path, plan: StackPlan, read: Read, window: tuple[int, int], note: Note) -> None:
    """Write a store. Its folder appears when it is whole; what was written until a stop is gone on with by the next call.

    Of a store that is there and damaged, what is sound is kept.

    Parameters
    ----------
    target : Path
        Folder to make; its name holds all that the values hang on.
    plan : StackPlan
        What it holds.
    read : callable
        From a band and a grid to (layer, y, x) values, NaN where there are none. Not called for windows that are there.
    window : (int, int)
        Rows and columns to read at a time, multiples of 64.
    note : callable
        Told of every window that is done, those that were there included.

    Raises
    ------
    PendingError
        If another process writes the same.
    JeoviewError
        If the disk is full or the folder locked, or what ``read`` raises; the message says what is kept.
    """
    place = Unfinished(target)
    try:
        with place.held():
            # Another process may have been through in the meantime.
            if not is_sound(target):
                if target.exists():
                    reopen(place, plan, window)
                _write(place, plan, read, window, note)
    except OSError as error:
        if isinstance(error, JeoviewError):
            raise
        reason = error.strerror or type(error).__name__
        raise JeoviewError(f"the stack store {target.name!r} cannot be written: {reason}. {kept(place)}") from error


def kept(place: Unfinished) -> str:
    """What is left of a copy that did not come to its end, and what can be done with it."""
    if not place.done()[0]:
        return "Nothing was left behind"
    return (
        f"{place.said()}: the next cache_stack() of the same goes on from there; `jeoview stacks` lists what is unfinished "
        "and removes it"
    )


def _write(place: Unfinished, plan: StackPlan, read: Read, window: tuple[int, int], note: Note) -> None:
    try:
        place.begin(plan, window)
        used = {band: _write_band(Journal(place, band), plan, band, read, window, note) for band in plan.layers}
        _write_group(place.folder, plan, used)
        place.finish()
    except JeoviewError as error:
        raise type(error)(f"{error}. {kept(place)}") from error
    finally:
        if not place.done()[0]:
            shutil.rmtree(place.folder, ignore_errors=True)


def _write_band(
    journal: Journal, plan: StackPlan, band: str, read: Read, window: tuple[int, int], note: Note
) -> Packing:
    """Write all resolutions of a band, as float32 where the numbers turn out not to fit its packing."""
    wanted = plan.packings[band]
    packing = FLOAT if journal.packing == FLOAT.dtype else wanted
    if journal.is_whole:
        for grid in plan.windows(*window):
            note(grid)
        return packing
    if journal.packing is None:
        journal.start(packing.dtype)
    with suppress(TooLargeError):
        _write_levels(journal, plan, band, packing, read, window, note)
        return packing
    journal.start(FLOAT.dtype)
    _write_levels(journal, plan, band, FLOAT, read, window, note)
    return FLOAT


def _write_levels(
    journal: Journal, plan: StackPlan, band: str, packing: Packing, read: Read, window: tuple[int, int], note: Note
) -> None:
    layers = plan.layers[band]
    known = [record for records in journal.windows.values() for record in records]
    pyramid = Pyramid(journal.folder, (layers, *plan.shape), plan.overviews + 1, packing, known)
    with pyramid:
        for number, grid in enumerate(plan.windows(*window)):
            corner = grid.row - plan.grid.row, grid.col - plan.grid.col
            there = number in journal.windows
            values = journal.stored(number, corner, (layers, *grid.shape), packing) if there else read(band, grid)
            written = pyramid.add(values, *corner)
            if not there:
                journal.add(number, written)
            note(grid)
    journal.end()


def _write_group(folder: Path, plan: StackPlan, used: Mapping[str, Packing]) -> None:
    attributes: dict[str, Any] = {
        "kind": KIND,
        "crs": plan.grid.crs,
        "transform": plan.grid.transform,
        "bands": dict.fromkeys(plan.layers, plan.overviews + 1),
        "largest_error": {band: packing.scale / 2 for band, packing in used.items() if packing.nodata is not None},
        **plan.attributes,
    }
    for band in plan.layers:
        write_json(folder / band / "zarr.json", _group({}))
    write_json(folder / "zarr.json", _group(attributes))


def _group(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}
