"""What is said of a choice of pairs: how many are left, whether they hold together, and what is not known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from jeoview.collection import InterferogramCollection

NAMED = 6  # dates that a line names before it counts the rest
NO_BASELINES = "Perpendicular baselines of this stack are not known: pairs are drawn as arcs over time."
NO_COHERENCE = "This stack has no coherence: pairs are drawn in one colour."
NO_LOOPS = "No three pairs make a loop: closure says nothing of this network."
ONE_PAIR = "One pair alone: there is nothing to choose from."
UNCHECKED = "No loop checks these pairs: they agree whatever they hold, and temporal coherence is 1 everywhere."
UNMEASURED = "Coherence, unwrapped share and loops are not measured: press Measure to read the pixels."


def said(
    whole: InterferogramCollection,
    kept: InterferogramCollection,
    code: str,
    notes: Sequence[str],
    apart: Sequence[str] = (),
) -> str:
    """The choice in words, as HTML: its numbers, alarms, what removed what, and how to write it.

    Parameters
    ----------
    whole, kept : InterferogramCollection
        All pairs, and those that are left.
    code : str
        What gives them in a cell.
    notes : sequence of str
        What is not known of the stack.
    apart : sequence of str
        What linked maps show that is not this choice.
    """
    numbers = f"{len(kept.dates)} dates, {_count(len(kept.subsets()), 'connected subset', 'subsets')}"
    lines = [f"<div><b>{len(kept)} of {len(whole)} pairs</b>, {numbers}</div>"]
    lines += [alarm(text) for text in (*apart, *alarms(whole, kept))]
    lines += [f'<div class="jv-net-note">{escape(text)}</div>' for text in (*kept.steps[len(whole.steps) :], *notes)]
    lines += [f"<div><code>{escape(text)}</code></div>" for text in (code, repr(kept)) if text]
    return f'<div class="jv-net-said" role="status">{"".join(lines)}</div>'


def alarm(text: str) -> str:
    """A line that must not be overlooked, as HTML."""
    return f'<div class="jv-net-alarm" role="alert">{escape(text)}</div>'


def notes(facts: Mapping[str, Any], *, busy: bool) -> list[str]:
    """What is not known of a stack, of which ``facts`` are known and others are perhaps being measured (``busy``)."""
    several, measured = len(facts["pairs"]) > 1, facts["measured"]
    found = {
        ONE_PAIR: not several,
        NO_BASELINES: not facts["baselines"],
        NO_COHERENCE: measured and not facts["coherent"],
        NO_LOOPS: measured and several and not any(pair["loops"] for pair in facts["pairs"]),
        UNMEASURED: not measured and not busy,
    }
    return [text for text, holds in found.items() if holds]


def code(options: Mapping[str, Any], *, region: bool) -> str:
    """The choice as a cell would write it; nothing where all pairs are chosen."""
    if not options:
        return ""
    written = [f"{name}={value!r}" for name, value in options.items()] + ["region=region"] * region
    return f"stack.filter_pairs({', '.join(written)})"


def alarms(whole: InterferogramCollection, kept: InterferogramCollection) -> list[str]:
    """Where a choice of pairs breaks the network: subsets that no pair connects, dates without any pair, nothing checked."""
    found, subsets = [], kept.subsets()
    if len(subsets) > 1:
        parts = "; ".join(
            f"{len(part)} dates from {part[0]} to {part[-1]}" if len(part) > 2 else " and ".join(part)
            for part in subsets
        )
        found.append(f"The network falls apart: no pair connects its {len(subsets)} subsets ({parts}).")
    left = set(kept.dates)
    lost = [day for day in whole.dates if day not in left]
    if lost:
        found.append(f"{_count(len(lost), 'date has', 'dates have')} no pair any more: {_listed(lost)}.")
    if len(whole) > 1 and len(kept) == len(kept.dates) - len(subsets):
        found.append(UNCHECKED)
    return found


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest
