"""What a collection holds, from metadata alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from jeoview.catalog import Item
from jeoview.catalog.times import parse_time

CLOUD = "eo:cloud_cover"
CLEAR_PERCENT = 10.0


def row_of(item: Item) -> dict[str, Any]:
    """A scene as a row of a table."""
    box = dict(zip(("west", "south", "east", "north"), item.bbox, strict=True))
    plain = {name: value for name, value in item.properties.items() if not isinstance(value, (list, dict))}
    return {"id": item.id, "datetime": item.datetime, **box, **plain}


@dataclass(frozen=True)
class Description:
    """What a collection holds, from metadata alone.

    Parameters
    ----------
    count : int
        Scenes.
    days : int
        Days with a scene.
    mean_cloud : float or None
        Mean of ``eo:cloud_cover`` in percent; None where no scene says it.
    clear_share : float or None
        Share of scenes with less than 10 % cloud, 0 to 1.
    gaps : tuple of (first, last, days)
        Gaps between clear days (less than 10 % cloud, or cloud not known), longest first.
    months : dict of str to int
        Scenes by month, ``"2023-05"``.
    """

    count: int
    days: int
    mean_cloud: float | None
    clear_share: float | None
    gaps: tuple[tuple[str, str, int], ...]
    months: Mapping[str, int]

    @property
    def longest_gap(self) -> int | None:
        """Days of the longest gap between two clear scenes; None where there are not two."""
        return self.gaps[0][2] if self.gaps else None

    def __str__(self) -> str:
        most = max(self.months.values(), default=1)
        cloud = (
            "unknown" if self.mean_cloud is None else f"{self.mean_cloud:.0f} %, below 10 % in {self.clear_share:.0%}"
        )
        gap = "unknown" if self.longest_gap is None else f"{self.longest_gap} days"
        bars = [f"  {month} {'#' * max(1, round(24 * n / most))} {n}" for month, n in self.months.items()]
        head = f"{self.count} scenes on {self.days} days; mean cloud {cloud}; longest gap between clear scenes {gap}"
        return "\n".join([head, *bars])

    __repr__ = __str__


def describe(items: Sequence[Item]) -> Description:
    """Sum up scenes."""
    cover = [item.properties.get(CLOUD) for item in items]
    clouds = [float(value) for value in cover if value is not None]
    clear = [item for item, value in zip(items, cover, strict=True) if (value or 0.0) < CLEAR_PERCENT]
    days = sorted({parse_time(item.datetime).date() for item in clear})
    gaps = [(str(earlier), str(later), (later - earlier).days) for earlier, later in pairwise(days)]
    months = Counter(item.datetime[:7] for item in items)
    return Description(
        count=len(items),
        days=len({item.datetime[:10] for item in items}),
        mean_cloud=sum(clouds) / len(clouds) if clouds else None,
        clear_share=sum(cloud < CLEAR_PERCENT for cloud in clouds) / len(clouds) if clouds else None,
        gaps=tuple(sorted(gaps, key=lambda gap: -gap[2])),
        months=dict(sorted(months.items())),
    )
