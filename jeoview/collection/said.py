"""What choosing pairs says beside its result: wishes that contradict each other, dates that go, coherence that is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jeoview.errors import ParameterError, warn
from jeoview.quantities import short

# So many days are named.
NAMED = 6
# Above 1 by more than rounding.
MOST = 1.0001


def check_dates(min_days: float | None, max_days: float | None, nearest: float | None, yearly: float | None) -> None:
    """Refuse limits that no pair can keep.

    Raises
    ------
    ParameterError
        Which says the contradiction.
    """
    if nearest is not None and (nearest < 1 or nearest != int(nearest)):
        raise ParameterError(f"filter_pairs: nearest is {short(nearest)}; expected a whole number of dates, 1 or more")
    # Pairs of whole years stay in spite of max_days.
    if min_days is not None and max_days is not None and min_days > max_days and yearly is None:
        raise ParameterError(
            f"filter_pairs: min_days={min_days:g} is more than max_days={max_days:g}: no pair can keep both"
        )


def without(before: Sequence[str], after: Sequence[str]) -> str:
    """In words, which days were lost; empty where none was."""
    lost = sorted(set(before) - set(after))
    more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
    return f" (without {', '.join(lost[:NAMED])}{more})" if lost else ""


def warn_of_gaps(parts: Sequence[Sequence[str]], what: str) -> None:
    """Warn where pairs do not connect all dates, given the days of each subset; ``what`` inverts them."""
    if len(parts) > 1:
        bridge = (
            'bridge the gaps with method="nsbas"'
            if what == "invert"
            else 'bridge the gaps: from_opera(folder), then reference(...) and invert(method="nsbas")'
        )
        warn(
            f"{what}: the pairs fall into {len(parts)} subsets of dates that no pair connects. Only the {len(parts[0])} dates "
            f"from {parts[0][0]} to {parts[0][-1]} get a displacement, and pairs without loops agree perfectly whatever "
            f"they hold. Choose pairs that connect all dates, or {bridge}",
        )


def warn_of_coherence(means: Mapping[str, float]) -> None:
    """Warn where the mean coherence of a pair is above 1."""
    above = [name for name, mean in means.items() if mean > MOST]
    if above:
        warn(
            f"the mean coherence of {len(above)} of {len(means)} pairs is above 1 ({above[0]}: {means[above[0]]:.4g}): it is 0 to "
            "1. Say the scale of the files where they are opened: from_files(..., coherence_scale=1/255) for bytes",
        )
