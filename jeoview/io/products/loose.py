"""Rasters of no known family: those that are the same thing are one collection, and its name says what they are.

Files are the same thing where their bands are called and stored alike. Two files of one date and one place are two
things all the same: the words that tell their names apart then part all files (decision 084).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from jeoview.catalog.items import Item
from jeoview.projection import Bounds

_NUMBERED = re.compile(r"B\d+(_\d+)?", re.ASCII)
_DATE = re.compile(r"\d+|\d{6,8}T?\d*Z?", re.ASCII | re.IGNORECASE)
_TOLD_APART = ("jeoview:track", "jeoview:wavelength", "jeoview:sign", "sat:orbit_state")
# Scenes beside each other overlap by less, those of one place by more.
SAME_PLACE = 0.5
MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Loose:
    """A file and what tells it apart.

    Parameters
    ----------
    item : Item
        Its scene.
    path : Path
        Where it lies, from the folder that is looked through.
    within : tuple of str
        Words of folders that count even where nothing else differs: those of results of interferometry, whose tracks
        lie in folders.
    result : bool
        Whether it is one of these, whose collection is always named by what it holds.
    """

    item: Item
    path: Path
    within: tuple[str, ...] = ()
    result: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Those of its path."""
        return words_of(self.path)

    @property
    def layout(self) -> tuple[object, ...]:
        """How its pixels are stored, and what is known of the satellite."""
        bands = tuple((band.name, band.unit, band.role, band.data_type) for band in self.item.bands.values())
        return bands, self.within, tuple(self.item.properties.get(name) for name in _TOLD_APART)

    @property
    def bands(self) -> str:
        """Names of its bands, empty where they are numbers."""
        names = list(self.item.bands)
        return "" if all(_NUMBERED.fullmatch(name) for name in names) else "-".join(names[:3])


def words_of(path: Path) -> tuple[str, ...]:
    """Words of a relative path, without dates and plain numbers."""
    parts = re.split(r"[^A-Za-z0-9]+", os.fspath(path.with_suffix("")))
    return tuple(part for part in parts if part and not _DATE.fullmatch(part))


def grouped(files: Iterable[Loose], *, named: bool, plain: bool) -> dict[str, list[Item]]:
    """The scenes of each collection by what tells it from the others.

    Parameters
    ----------
    files : iterable of Loose
        All of a folder.
    named : bool
        Whether a collection needs a name even where it is the only one; it is empty otherwise.
    plain : bool
        Whether it needs none even where it holds a result.
    """
    alike: dict[tuple[object, ...], list[Loose]] = {}
    for file in files:
        alike.setdefault(file.layout, []).append(file)
    groups = [part for group in alike.values() for part in _parted(group)]
    single = len(groups) == 1 and not named and (plain or not groups[0][0].result)
    names = [""] if single else _names(groups)
    return {name: [file.item for file in group] for name, group in zip(names, groups, strict=True)}


def _parted(group: Sequence[Loose]) -> list[list[Loose]]:
    telling = {word for one, other in _rivals(group) for word in {*one.words} ^ {*other.words}}
    parts: dict[frozenset[str], list[Loose]] = {}
    for file in group:
        parts.setdefault(frozenset(telling.intersection(file.words)), []).append(file)
    return list(parts.values())


def _rivals(group: Sequence[Loose]) -> Iterable[tuple[Loose, Loose]]:
    """Pairs of files of one date and one place."""
    by_date: dict[str, list[Loose]] = {}
    for file in group:
        by_date.setdefault(file.item.datetime, []).append(file)
    for files in by_date.values():
        yield from (pair for pair in combinations(files, 2) if _overlap(*(file.item.bbox for file in pair)))


def _overlap(one: Bounds, other: Bounds) -> bool:
    """Whether two boxes share most of what they cover."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width > 0 and height > 0 and width * height > SAME_PLACE * max(areas)


def _names(groups: Sequence[Sequence[Loose]]) -> list[str]:
    """What tells the groups apart: their bands, else the words that their files share, else both, else a number."""
    offered = [_offered(group) for group in groups]
    names: list[str] = []
    for number, mine in enumerate(offered, 1):
        alone = (name for i, name in enumerate(mine) if name and [other[i] for other in offered].count(name) == 1)
        name = next(alone, f"{mine[0] or mine[1] or 'files'}-{number}")
        names.append(name if name not in names else f"{name}-{number}")
    return names


def _offered(group: Sequence[Loose]) -> tuple[str, str, str]:
    """Its bands, the first words that its files share, and both; each behind the folders that it lies in."""
    stems = [words_of(Path(file.path.name)) for file in group]
    shared = [word for word in stems[0] if len(word) > 1 and all(word in words for words in stems)]
    words = "-".join(list(dict.fromkeys(shared))[:MOST_WORDS])
    home = Path(os.path.commonpath([file.path.parent for file in group])).parts
    bands = group[0].bands
    first, second, third = ("-".join(filter(None, (*home, *said))) for said in ((bands,), (words,), (bands, words)))
    return first, second, third
