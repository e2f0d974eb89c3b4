"""Lines on a stack of pairs: refused where they are written if its pairs have no reference, or no loop that is asked for.

As in `jeoview.collection.line`, what the catalogue does not know is left alone.
"""

from __future__ import annotations

from jeoview.collection.years import scenes_of_series
from jeoview.describe import describe, input_nodes, options_of
from jeoview.errors import ParameterError, warn
from jeoview.graph import Node
from jeoview.io.products.interferograms import REFERENCED
from jeoview.operators.insar_pairs import Which, triplets_of
from jeoview.raster import Kind
from jeoview.scenes import layer_date

# What adds phases of several pairs up, or counts turns in them: the constant of each pair would be taken for motion.
ADDS_UP = {
    "closure_integers",
    "correct_unwrapping",
    "inversion_quality",
    "invert",
    "loop_closure",
    "series_quality",
    "triplet_quality",
    "unwrapping_errors",
}
# After these the constants are what they were; what another operator makes of them is not known here.
KEEPS = {
    "correct_unwrapping",
    "goldstein",
    "join_bands",
    "load_items",
    "mask",
    "mask_polygon",
    "rename",
    "select",
    "unwrap",
    "wrap",
}


def check_pair_line(node: Node) -> None:
    """Refuse a node on a stack of pairs that cannot give anything right.

    Pairs that their product brings relative to a place of its own, as OPERA does, need no other.

    Raises
    ------
    ParameterError
        If the pairs have no reference, or none of the loops that are asked for.

    Warns
    -----
    UserWarning
        If they have none, but something was done to them that may stand for it.
    """
    if node.operator not in ADDS_UP:
        return
    stack = input_nodes(node)[0]
    items, kind = scenes_of_series(stack)
    if kind != "pairs" or not items:
        return
    if not all(item.properties.get(REFERENCED) for item in items):
        _check_reference(node.operator, {step.operator for step in _steps(stack)})
    if node.operator == "triplet_quality":
        _check_loops(tuple(layer_date(item, kind) for item in items), options_of(node)["loops"])


def _check_reference(name: str, steps: set[str]) -> None:
    if "referenced" in steps:
        return
    way = (
        "Choose one before the image is made, stack.reference(lon=, lat=).image(), or subtract that of an area, "
        "image.referenced(image.reference_phase(region=(west, south, east, north)))"
    )
    if steps <= KEEPS:
        raise ParameterError(
            f"{name}: the pairs have no reference, and each keeps an arbitrary constant, which would be taken for "
            f"motion. {way}"
        )
    done = ", ".join(sorted(steps - KEEPS))
    warn(f"{name}: the pairs have no reference, unless {done} took the arbitrary constant of each away. {way}")


def _steps(image: Node) -> list[Node]:
    """A series and the series that its values come from; where it is masked, not those that it is masked by."""
    found, left = {image.key: image}, [image]
    while left:
        node = left.pop()
        inputs = [other for other in input_nodes(node) if describe(other).kind is Kind.SERIES]
        inputs = inputs if node.operator == "join_bands" or node.operator not in KEEPS else inputs[:1]
        new = {other.key: other for other in inputs if other.key not in found}
        found |= new
        left += new.values()
    return list(found.values())


def _check_loops(pairs: tuple[str, ...], which: Which) -> None:
    if len(triplets_of(pairs, which)):
        return
    others = len(triplets_of(pairs, "all"))
    found = (
        f"no three successive dates of the {len(pairs)} pairs are joined by a pair each"
        if others
        else f"no three of the {len(pairs)} pairs make a loop"
    )
    way = f", or take the {others} loops of other dates, loops='all'" if others else ""
    raise ParameterError(
        f"triplet_quality: {found}: the result would be empty. Choose pairs of each date with the next two{way}"
    )
