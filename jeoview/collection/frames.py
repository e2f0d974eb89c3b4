"""Pairs of several frames, as one item each: what the products of ARIA and HyP3 cut a track into is joined again.

The frames' files stay as they are. How their phases continue each other is measured once, in their overlap, and kept in
the item's bands (`jeoview.catalog.items.Part`); the reader puts blocks together when a tile asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from jeoview.catalog import Band, Item
from jeoview.catalog.items import Classes, Part
from jeoview.collection.seams import Node, Seam, Solution, related, seam_of, solve
from jeoview.errors import SourceError, warn
from jeoview.graph import canonical, digest
from jeoview.grid import Grid, Lattice
from jeoview.io.footprint import covered, footprint
from jeoview.io.joined import same_pixels
from jeoview.io.products.stacks import BURST, has_frame, spread
from jeoview.io.reader import Reader
from jeoview.progress import job
from jeoview.projection import canonical_crs
from jeoview.settings import MIB, settings

VERSION = 1
# What was joined and how well it fits; the first tells whether it must be measured anew.
SOURCE, FRAMES, LEFT, SEAMS = "jeoview:joined_from", "jeoview:frames", "jeoview:frames_left_out", "jeoview:seams"
PHASE, LABELS = "unwrapped", "connected_components"
# Labels of a later frame that continue none of an earlier one; frames of SNAPHU have a few dozen.
APART = 10_000
SAME_PLACE = 0.9
# A frame of another pair of which less is covered is missing.
HALF = 0.5
CACHE_BYTES = 128 * MIB
# Median distance of two frames from a constant, in rad, beyond which something else differs.
ROUGH = 1.0
Origin = tuple[int, int]


def join_frames(items: Sequence[Item], known: Mapping[str, Item], what: str) -> list[Item]:
    """Return one item a pair, its frames joined; the items themselves where no pair has several.

    Parameters
    ----------
    items : sequence of Item
        Frames of a pair have its id; the first is on top.
    known : mapping
        Items that were joined before, by id: what was measured then holds while the files are the same.
    what : str
        Who asks, for warnings.

    Raises
    ------
    SourceError
        If frames of a pair show the same place, have pixels of different kinds, or nowhere overlap.

    Warns
    -----
    UserWarning
        If pairs lack frames, frames are left out, or differ by more than a constant.
    """
    pairs: dict[str, list[Item]] = {}
    for item in items:
        pairs.setdefault(item.id, []).append(item)
    several = {name: frames for name, frames in pairs.items() if len(frames) > 1}
    if not several:
        return list(items)
    for frames in several.values():
        _check_apart(frames)
    found = {name: known[name] for name, frames in several.items() if _is_same(known.get(name), frames)}
    reader = Reader(cache_bytes=CACHE_BYTES, roots=settings().roots)
    with job(f"{what}: joining frames", len(several) - len(found), "pair", progress=True) as bar:
        for name in [name for name in several if name not in found]:
            found[name] = _joined(several[name], reader)
            bar.update(1)
    joined = [_described(found.get(name), frames) for name, frames in pairs.items()]
    _tell_left_out(joined, what)
    _tell_rough(joined, what)
    _tell_lacking(pairs, what)
    return joined


def _is_same(known: Item | None, frames: Sequence[Item]) -> bool:
    return known is not None and known.properties.get(SOURCE) == _key(frames)


def _key(frames: Sequence[Item]) -> str:
    """Hash of all that the joining hangs on."""
    files = [[[band.href, band.etag] for band in item.bands.values()] + [item.decoding] for item in frames]
    return digest(canonical({"version": VERSION, "frames": files}))[:16]


def _described(joined: Item | None, frames: Sequence[Item]) -> Item:
    """The item with what the frames say now, for instance of baselines at another height."""
    if joined is None:
        return frames[0]
    kept = ("proj:code", "proj:wkt2", "proj:shape", "proj:transform", SOURCE, FRAMES, LEFT, SEAMS)
    properties = {name: value for name, value in frames[0].properties.items() if name not in (*kept, BURST)}
    baselines = [item.properties["jeoview:bperp"] for item in frames if "jeoview:bperp" in item.properties]
    if baselines:
        properties["jeoview:bperp"] = float(np.mean(baselines))
    measured = {name: joined.properties[name] for name in kept if name in joined.properties}
    return replace(joined, properties={**properties, **measured})


def frames_note(items: Sequence[Item]) -> list[str]:
    """A line on how many frames the pairs are joined from; none where they are not."""
    counts = [max(len(item.properties.get(FRAMES, ())), 1) for item in items]
    if max(counts, default=1) == 1:
        return []
    fewest = "" if min(counts) == max(counts) else f"{min(counts)} to "
    return [f"pairs joined from {fewest}{max(counts)} frames"]


# -- what is refused or said ---------------------------------------------------------------------


def _check_apart(frames: Sequence[Item]) -> None:
    for one, other in combinations(frames, 2):
        boxes = covered(one.bbox, [other.bbox]), covered(other.bbox, [one.bbox])
        names = one.properties.get(BURST), other.properties.get(BURST)
        if (names[0] is not None and names[0] == names[1]) or min(boxes) > SAME_PLACE:
            raise SourceError(
                f"the pair {one.id} stands twice at one place, in {_file(one)} and {_file(other)}; leave one version, or one "
                "polarisation, in the folder"
            )


def _tell_left_out(joined: Sequence[Item], what: str) -> None:
    left = {item.id: item.properties[LEFT] for item in joined if LEFT in item.properties}
    if 2 * len(left) > len(joined):
        name, files = next(iter(left.items()))
        raise SourceError(
            f"frames that do not overlap cannot be joined, as each has a constant of its own: in {len(left)} of {len(joined)} "
            f"pairs, the first {name}, where {files[0]} has too few valid pixels in common with the others; put such frames "
            "into folders of their own"
        )
    if left:
        listed = "; ".join(f"{name}: {', '.join(files)}" for name, files in _few(left.items()))
        warn(
            f"{what}: frames of {len(left)} of {len(joined)} pairs have too few valid pixels in common with the others, so that "
            f"their constant is not known; they are left out ({listed})"
        )


def _tell_rough(joined: Sequence[Item], what: str) -> None:
    rough = [item.id for item in joined if any(max(seam[3:]) > ROUGH for seam in item.properties.get(SEAMS, ()))]
    if rough:
        warn(
            f"{what}: the frames of {len(rough)} of {len(joined)} pairs differ in their overlap by more than a constant (by "
            f"more than {ROUGH:g} rad), the first {rough[0]}: a step may show there; see their property {SEAMS!r}"
        )


def _tell_lacking(pairs: Mapping[str, Sequence[Item]], what: str) -> None:
    whole = spread(item for frames in pairs.values() for item in frames)
    lacking = {name: [one for one in whole if not has_frame(frames, one, HALF)] for name, frames in pairs.items()}
    lacking = {name: missing for name, missing in lacking.items() if missing}
    if lacking:
        listed = "; ".join(
            f"{name} lacks {', '.join(str(one.properties.get(BURST) or _file(one)) for one in missing)}"
            for name, missing in _few(lacking.items())
        )
        warn(
            f"{what}: {len(lacking)} of {len(pairs)} pairs lack frames that others have, and have no data there ({listed})"
        )


def _few(listed: Iterable[Any], most: int = 5) -> list[Any]:
    return list(listed)[:most]


def _file(item: Item) -> str:
    return Path(item.bands[PHASE].href).name


# -- joining -------------------------------------------------------------------------------------


def _joined(frames: Sequence[Item], reader: Reader) -> Item:
    """One pair: the frames whose phases can be related, most of them first."""
    origins = _origins(frames)
    seams = [seam for pair in combinations(range(len(frames)), 2) if (seam := _seam(frames, origins, pair, reader))]
    groups = related(len(frames), seams)
    chosen = groups[0]
    solution = solve(chosen, seams) if len(chosen) > 1 else Solution({chosen[0]: 0.0}, {}, {})
    kept = [frames[number] for number in chosen]
    top, left = min(origins[number][0] for number in chosen), min(origins[number][1] for number in chosen)
    places = {number: (origins[number][0] - top, origins[number][1] - left) for number in chosen}
    bands = {
        name: _band(
            name, {number: frames[number] for number in chosen if name in frames[number].bands}, places, solution
        )
        for name in dict.fromkeys(name for frame in kept for name in frame.bands)
    }
    known: dict[str, Any] = {
        SOURCE: _key(frames),
        FRAMES: [[_file(frames[number]), round(solution.frames[number], 6)] for number in chosen],
        SEAMS: [_seam_text(frames, seam, solution) for seam in seams if seam.one in chosen],
    }
    if len(groups) > 1:
        known[LEFT] = [_file(frames[number]) for group in groups[1:] for number in group]
    return _item(frames[0], bands, known)


def _seam_text(frames: Sequence[Item], seam: Seam, solution: Solution) -> list[Any]:
    """Both files, the valid pixels that they share, and what is left of the difference: the spread and the step."""
    files = [_file(frames[seam.one]), _file(frames[seam.other])]
    return [*files, seam.pixels, round(seam.spread, 3), round(solution.step(seam), 3)]


def _item(first: Item, bands: dict[str, Band], known: Mapping[str, Any]) -> Item:
    phase = bands[PHASE]
    crs = str(first.properties.get("proj:code") or first.properties["proj:wkt2"])
    transform, shape = phase.transform or (), phase.shape or (0, 0)
    geometry, bbox = footprint(crs, transform, shape)
    place = {"proj:shape": list(shape), "proj:transform": list(transform)}
    return replace(first, bbox=bbox, geometry=geometry, properties={**first.properties, **place, **known}, bands=bands)


def _origins(frames: Sequence[Item]) -> list[Origin]:
    """Where the first pixel of each frame lies, counted from that of the first in its pixels; nearest where they are between."""
    first = frames[0]
    found = []
    for frame in frames:
        (*_, left, _, _, top), (width, _, west, _, height, north) = _transform(frame), _transform(first)
        shape = frame.bands[PHASE].shape or (0, 0)
        if _crs(frame) != _crs(first) or not same_pixels(_transform(first), _transform(frame), shape):
            raise SourceError(
                f"the frames of the pair {first.id} have pixels of different kinds: {_file(frame)} has another reference "
                f"system or pixel size than {_file(first)}; put frames of different kinds into folders of their own"
            )
        found.append((round((top - north) / height), round((left - west) / width)))
    return found


def _transform(frame: Item) -> tuple[float, ...]:
    return frame.bands[PHASE].transform or ()


def _crs(frame: Item) -> str:
    return canonical_crs(str(frame.properties.get("proj:code") or frame.properties["proj:wkt2"]))


def _seam(frames: Sequence[Item], origins: Sequence[Origin], pair: tuple[int, int], reader: Reader) -> Seam | None:
    """Read what two frames have in common."""
    windows = [_window(frames[number], origins[number]) for number in pair]
    rows, cols = (range(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(*windows, strict=True))
    if not (rows and cols):
        return None
    bands = [PHASE, *([LABELS] if all(LABELS in frames[number].bands for number in pair) else [])]
    found = []
    for number in pair:
        (row, col), (a, _, left, _, e, top) = origins[number], _transform(frames[number])
        grid = Grid(
            Lattice(_crs(frames[number]), (a, -e), left, top), rows.start - row, cols.start - col, len(rows), len(cols)
        )
        found.append(reader.read(frames[number], bands, grid, "nearest"))
    labels = (found[0][1], found[1][1]) if LABELS in bands else None
    return seam_of(*pair, (found[0][0], found[1][0]), labels)


def _window(frame: Item, origin: Origin) -> tuple[range, range]:
    height, width = frame.bands[PHASE].shape or (0, 0)
    return range(origin[0], origin[0] + height), range(origin[1], origin[1] + width)


def _band(name: str, frames: Mapping[int, Item], places: Mapping[int, Origin], solution: Solution) -> Band:
    parts = tuple(_part(name, number, frame, places[number], solution) for number, frame in frames.items())
    number, first = next(iter(frames.items()))
    band = first.bands[name]
    a, b, c, d, e, f = band.transform or ()
    row, col = places[number]
    sizes = [(places[number], frame.bands[name].shape or (0, 0)) for number, frame in frames.items()]
    return replace(
        band,
        scale=1.0,
        offset=0.0,
        nodata=None,
        etag=digest(" ".join(etag for part in parts for _, etag in part.files))[:16],
        data_type="float32",
        shape=(max(at[0] + size[0] for at, size in sizes), max(at[1] + size[1] for at, size in sizes)),
        transform=(a, b, c - a * col, d, e, f - e * row),
        index=1,
        parts=parts,
    )


def _part(name: str, number: int, frame: Item, place: Origin, solution: Solution) -> Part:
    band = frame.bands[name]
    part = Part(band.href, band.etag, band.subdataset, band.index, *place, band.scale, band.offset, band.nodata)
    if name == PHASE:
        return _shifted(part, frame, number, solution)
    return _renamed(part, number, solution) if name == LABELS else part


def _shifted(part: Part, frame: Item, number: int, solution: Solution) -> Part:
    whole = round(solution.frames[number], 6)
    by_label = {node.label: round(value, 6) for node, value in solution.components.items() if node.frame == number}
    others = tuple((label, part.offset + value) for label, value in sorted(by_label.items()) if value != whole)
    part = replace(part, offset=part.offset + whole)
    if not others:
        return part
    labels = frame.bands[LABELS]
    return replace(part, classes=Classes(labels.href, labels.etag, labels.subdataset, others))


def _renamed(part: Part, number: int, solution: Solution) -> Part:
    """Components that continue each other have one number, those of a later frame that continue none a number of their own."""
    part = replace(part, scale=1.0, offset=float(number * APART))
    same = {
        node.label: _label(solution.labels[node]) for node in solution.labels if node.frame == number and node.label
    }
    names = {-1: -1.0, 0: 0.0, **same}
    offsets = tuple((label, name - label) for label, name in sorted(names.items()) if name - label != part.offset)
    return replace(part, classes=Classes(part.href, part.etag, part.subdataset, offsets)) if offsets else part


def _label(node: Node) -> float:
    return float(node.frame * APART + node.label)
