"""Write the golden files of what is new: ``python -m tests.golden.record``.

A result is stored under its operator's version and never written over: whoever changes a result raises the
version, and adds an upgrade where older chains can be brought up to it. ``--again NAME`` writes one operator's
file anew, for a result that was wrong before anybody used it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import jeoview as jv
from jeoview.image import Image
from jeoview.operator import REGISTRY, find
from jeoview.raster import Kind, Raster, Table
from tests.samples import OPERATORS, SAMPLES, Sample
from tests.synthetic import grid_at, render, source

FOLDER = Path(__file__).parent
HERE = grid_at(12, 10.0, 44.02, 48, 56)
# Pixels apart, so that a few of them see patches, holes and edges.
EVERY = np.s_[..., ::7, ::7]
DIGITS = 7


def result_path(name: str) -> Path:
    """The file of an operator's version."""
    return FOLDER / "results" / f"{name}-v{find(name).version}.json"


def results(name: str) -> dict[str, Any]:
    """What an operator gives for each of its samples, as JSON."""
    found = [sample for sample in SAMPLES if sample.operator == name]
    assert len({str(sample) for sample in found}) == len(found), "two samples have one name"
    return {str(sample): _values(sample) for sample in found}


def _values(sample: Sample) -> dict[str, Any]:
    result = render(sample.image, HERE)
    if isinstance(result, Table):
        return {"table": {name: _list(values) for name, values in result.values.items()}}
    return {"kind": result.kind.value, "bands": list(result.bands), "dates": list(result.dates), **_array(result)}


def _array(result: Raster) -> dict[str, Any]:
    array = (result.rgba() if result.kind is Kind.COLOUR else result.array)[EVERY]
    return {"shape": list(array.shape), "values": _list(array)}


def _list(array: Any) -> list[float | int | None]:
    """Numbers with the digits that every processor agrees on; nodata is null."""
    if array.dtype.kind == "u":
        return [int(value) for value in array.ravel()]
    if array.dtype.kind == "c":
        return _list(np.stack([array.real, array.imag], axis=-1))
    return [None if np.isnan(value) else float(f"{value:.{DIGITS}g}") for value in array.ravel()]


def chains() -> dict[str, Image]:
    """Chains whose text and key must stay as they are: users' notebooks and files hold them."""
    series = source("1")
    image = series.median()
    area = {"type": "Polygon", "coordinates": [[[8, 47], [8.5, 47], [8.5, 47.5], [8, 47]]]}
    threshold = jv.parameter("threshold", 0.4, min=0, max=1, step=0.05)
    radius = jv.parameter("radius", 60, min=20, max=500, unit="m")
    style = jv.parameter("style", "viridis", choices=("viridis", "magma"))
    region = (8.0, 47.0, 8.1, 47.1)
    return {
        "source": series,
        "units": source("1", ("unwrapped", "coherence"), stack="pairs", unit={"unwrapped": "rad"}),
        "ndvi": series.mask_clouds().median().ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9),
        "picture": image.stretch(percentiles=(2, 98), region=region, zoom=8).rgb(gamma=1.2),
        "arithmetic": (2 * image["nir"] - image["red"] ** 2) / (abs(image["blue"]) + 0.5),
        "conditions": ((image["nir"] > 0.3) & ~(image["red"] >= image["nir"])).where(image["nir"], -1),
        "formula": image.expression("where(nir > t, ln(red + 1), 0)", name="f", variables={"t": threshold}),
        "neighbourhood": image["nir"].focal_mean(jv.metres(60)).focal_mean(2),
        "labels": (image.ndvi() > threshold).label(region=region, zoom=12, connectivity=8),
        "labels-of-the-view": (image.ndvi() > 0.4).label().colormap("tab20", vmin=0, vmax=100),
        "classes": image["SCL"].colormap(classes={4: ("plants", "green"), 6: ("water", "#0000ff")}),
        "change": image.dnbr(source("2").median()).mask(area),
        "radar": image["nir"].log_ratio(source("2").median()["nir"], jv.metres(radius)),
        "sliders": image["nir"].between(threshold, 0.9).colormap(style, vmin=0, vmax=1),
        "blend": image.rgb().blend(image.ndvi().colormap("cyclic", vmin=0, vmax=1), alpha=0.3),
        "joined": image[["red", "nir"]].rename(["a", "b"]).join_bands(image.unmask(-1)["blue"]),
    }


def chain_path(name: str) -> Path:
    """The file of a chain: its text, byte by byte."""
    return FOLDER / "chains" / f"{name}.json"


def keys_path() -> Path:
    """The keys of all chains."""
    return FOLDER / "chains" / "keys.txt"


def main() -> None:
    """Write what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", choices=sorted(REGISTRY), action="append", default=[])
    again = parser.parse_args().again
    for name in OPERATORS:
        path = result_path(name)
        if name in again or not path.exists():
            lines = [f"{json.dumps(sample)}: {json.dumps(values)}" for sample, values in results(name).items()]
            path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    known = dict(line.split() for line in keys_path().read_text().splitlines()) if keys_path().exists() else {}
    for name, image in chains().items():
        if name not in known:
            chain_path(name).write_text(image.chain, encoding="utf-8")
            known[name] = image.key
    keys_path().write_text("".join(f"{name} {known[name]}\n" for name in sorted(known)), encoding="utf-8")


if __name__ == "__main__":
    main()
