"""An export without a valid pixel is no error, and seldom what was meant: it says so."""

from __future__ import annotations

from jeoview.describe import options_of
from jeoview.errors import warn
from jeoview.export.request import Request
from jeoview.graph import Node, walk
from jeoview.projection import Bounds, is_sensor
from jeoview.region import apart


def warn_empty(wanted: Request, name: str) -> None:
    """Warn that an export holds nothing, and tell where there are data.

    Parameters
    ----------
    wanted : Request
        What was computed.
    name : str
        What is called empty: the file, or the exit.
    """
    data = wanted.schema.bbox
    if is_sensor(wanted.grid.crs):
        warn(f"{name}: no pixel is valid in this window of the sensor's rows and columns")
        return
    asked = wanted.grid.bbox
    if data is None:
        reason = "the chain says no extent"
    elif apart(asked, data):
        reason = f"the image has data within {_shown(data)}"
    else:
        reason = f"the image lies within {_shown(data)}, but all that was asked for {_why(wanted.node)}"
    warn(f"{name}: no pixel is valid within {_shown(asked)}; {reason}")


def _why(root: Node) -> str:
    """What leaves nothing of such a chain."""
    nodes = list(walk(root))
    if not any(node.operator == "referenced" for node in nodes):
        return "is nodata, masked or clouded"
    reasons = ["is nodata or masked", "has no data at the reference", "too few dates"]
    if any(node.operator == "invert" and options_of(node)["method"] == "sbas" for node in nodes):
        reasons.append(
            'no pairs that lead to the first date (unused_count of quality() counts them, and invert("nsbas") does without)'
        )
    return f"{', '.join(reasons[:-1])} or {reasons[-1]}; noise_report tells what noise_mask removes"


def _shown(bbox: Bounds) -> str:
    west, south, east, north = (f"{value:.5g}" for value in bbox)
    return f"({west}, {south}, {east}, {north}) degrees"
