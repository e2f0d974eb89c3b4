"""What is done to pairs before they are inverted: mistakes of unwrapping, ramps, atmosphere that goes with the height."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from jeoview.catalog import extent_of
from jeoview.catalog.pixels import grids_of
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.graph import walk
from jeoview.image import Image, apply
from jeoview.projection import Bounds
from jeoview.quantities import number
from jeoview.region import check_bounds, check_meets, zoom_for

if TYPE_CHECKING:
    from jeoview.collection.interferograms import InterferogramCollection

# Metres, below any ground.
LOWEST = -1e5
# Pixels of all pairs together that a surface or a line is fitted to.
FIT_PIXELS = 3e7
FITS = ("ramps", "height_correlation")
# Bytes of a decoded number.
FLOAT = 4


@dataclass(frozen=True, eq=False)
class Correction:
    """One step; a stack keeps them in their order.

    Parameters
    ----------
    kind : {"unwrapping", "ramp", "height"}
        What is corrected.
    fit, values : mapping
        Parameters of the fit, and of the step.
    height : Image, optional
        One band, metres.
    """

    kind: Literal["unwrapping", "ramp", "height"]
    fit: Mapping[str, Any]
    values: Mapping[str, Any]
    height: Image | None = None

    @property
    def moves_the_reference(self) -> bool:
        """Whether the constant of a pair is another one afterwards."""
        return self.kind != "unwrapping"

    def apply(self, stack: Image) -> Image:
        """The corrected stack."""
        if self.kind == "unwrapping":
            return apply("correct_unwrapping", (stack,), self.values)
        if self.kind == "ramp":
            return apply("deramped", (stack, apply("ramps", (stack,), self.fit)), {})
        table = apply("height_correlation", (stack, self.height), self.fit)
        return apply("height_corrected", (stack, self.height, table), self.values)

    def __str__(self) -> str:
        jointly = " of the dates" if self.fit.get("joint") else ""
        said = {
            "unwrapping": "turns that close the loops",
            "ramp": f"ramps of degree {self.fit.get('degree')}{jointly}",
        }
        return "corrected: " + said.get(
            self.kind, f"phase over height where abs(correlation) >= {self.values.get('min_correlation')}"
        )


def correct_unwrapping(self: InterferogramCollection, min_coherence: float = 0.3) -> InterferogramCollection:
    """Give pairs the whole turns that close the loops of a pixel: the operator ``correct_unwrapping``.

    Look first at ``stack.image().unwrapping_errors()``: how many pairs it would change, and which loops stay open.

    Parameters
    ----------
    min_coherence : float
        Pairs of lower coherence are left as they are.

    Raises
    ------
    ParameterError
        If no reference was chosen: turns are counted from it.
    """
    least = number(min_coherence, "correct_unwrapping: min_coherence", 0, 1)
    return _with(self, Correction("unwrapping", {}, {"min_coherence": float(least)}))


def deramp(
    self: InterferogramCollection, degree: int = 1, region: Bounds | None = None, *, joint: bool = False
) -> InterferogramCollection:
    """Fit a plane (or a quadratic surface) to every pair and subtract it; the reference is taken again afterwards.

    Parameters
    ----------
    degree : int
        1: plane, 2: quadratic.
    region : (west, south, east, north), optional
        Where it is fitted; the whole stack by default.
    joint : bool
        False: every pair has a surface of its own. True: every date has one, fitted to all pairs of the network together,
        and a pair has the difference of those of its dates: loops close as they did before, but for constants.

    Raises
    ------
    ParameterError
        If no reference was chosen, the degree is another one, or the region lies outside the stack.
    LimitError
        If a single file is too large for the fit: give ``region``, or call `cache_stack` first.
    """
    fit = {"degree": degree, "joint": joint, **_fitted(self, region, "deramp")}
    return _with(self, Correction("ramp", fit, {}))


def correct_height(
    self: InterferogramCollection,
    height: Image | None = None,
    *,
    min_correlation: float = 0.3,
    region: Bounds | None = None,
) -> InterferogramCollection:
    """Fit phase = k h + c to every pair and subtract it where the two go together; then the reference is taken again.

    Parameters
    ----------
    height : Image, optional
        One band, metres; that of the product by default, where it brings one.
    min_correlation : float
        Pairs of a lower abs(correlation) stay as they are.
    region : (west, south, east, north), optional
        Where it is fitted: choose one that does not move. The whole stack by default.

    Raises
    ------
    ParameterError
        If no reference was chosen, the product brings no heights, or the heights or the region lie elsewhere.
    LimitError
        If a single file is too large for the fit: give ``region``, or call `cache_stack` first.
    """
    given = self.height() if height is None else height
    if isinstance(given, Image) and (there := given.schema.bbox) is not None:
        check_meets(there, extent_of(self.items), "correct_height: the image of heights", "the stack")
    return _with(
        self, Correction("height", _fitted(self, region, "correct_height"), {"min_correlation": min_correlation}, given)
    )


def _fitted(stack: InterferogramCollection, region: Bounds | None, what: str) -> dict[str, Any]:
    """Where a fit looks: at a zoom that keeps all pairs together within bounds."""
    box = extent_of(stack.items) if region is None else check_bounds(region)
    check_meets(box, extent_of(stack.items), f"{what}: region", "the stack")
    across = max(int(math.sqrt(FIT_PIXELS / len(stack))), 64)
    return {"region": tuple(box), "zoom": min(zoom_for(box, across), stack.zoom_at((box[1] + box[3]) / 2))}


def _with(stack: InterferogramCollection, correction: Correction) -> InterferogramCollection:
    if stack.place is None:
        raise ParameterError("choose a reference first, .reference(): corrections are relative to it")
    done = replace(stack, corrected=(*stack.corrected, correction))
    _check_fit(done, done.image())  # what does not fit is an error of this line
    return done


def _check_fit(stack: InterferogramCollection, image: Image) -> None:
    """Refuse a fit that one file alone is too large for; whether that can be, the catalogue knows."""
    largest = max((grid.height * grid.width for grid in grids_of(stack.items) if grid is not None), default=0)
    fits = [node for node in walk(image.node) if node.operator in FITS]
    if fits and FLOAT * largest > Engine.default().settings.max_tile_bytes:
        Engine.default().check_table(fits[-1])


def applied(stack: InterferogramCollection, image: Image) -> Image:
    """The referenced and corrected stack."""
    if stack.place is None:
        return image
    image = _corrected(stack, apply("referenced", (image, stack.reference_table(image)), {}))
    if any(correction.moves_the_reference for correction in stack.corrected):
        # What is inverted is what must be 0 there.
        image = apply("referenced", (image, stack.reference_table(image)), {})
    return image


def looked_at(stack: InterferogramCollection, image: Image) -> Image:
    """The corrected stack in which another reference is looked for: relative to the one it has only where turns count from it.

    A pair that has no data at the present reference has some elsewhere.
    """
    if any(correction.kind == "unwrapping" for correction in stack.corrected):
        image = apply("referenced", (image, stack.reference_table(image)), {})
    return _corrected(stack, image)


def needs_all_pairs(stack: InterferogramCollection) -> bool:
    """Whether the correction of a pair looks at the others."""
    return any(correction.kind == "unwrapping" or correction.fit.get("joint") for correction in stack.corrected)


def with_heights(stack: InterferogramCollection, image: Image) -> Image:
    """The stack where the heights are known that it is corrected with: elsewhere a corrected pair has no value."""
    for correction in stack.corrected:
        if correction.height is not None:
            image = apply("mask", (image, apply("gte", (correction.height, LOWEST), {})), {})
    return image


def _corrected(stack: InterferogramCollection, image: Image) -> Image:
    for correction in stack.corrected:
        image = correction.apply(image)
    return image
