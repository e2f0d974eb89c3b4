"""What the readers of complex stacks share: names of files, where pixels lie, an image of items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jeoview.catalog import Item
from jeoview.collection.frozen import store_items
from jeoview.errors import ParameterError
from jeoview.image import Image, apply
from jeoview.io.products.slc_places import Lookup, Places, Variable
from jeoview.quantities import Dates


def places_of(
    longitude: str | Path | None, latitude: str | Path | None, lookup: str | Path | None, looks: tuple[int, int]
) -> Places:
    """Where pixels lie, as it was given: two rasters, a table, or nothing.

    Raises
    ------
    ParameterError
        If one of the rasters is missing, or a table is given besides.
    """
    if (longitude is None) != (latitude is None):
        raise ParameterError("longitude and latitude: give both rasters, or none")
    if lookup is not None and longitude is not None:
        raise ParameterError("give longitude= and latitude=, or lookup=; not both")
    if longitude is not None and latitude is not None:
        return Variable(Path(longitude).absolute()), Variable(Path(latitude).absolute())
    if len(looks) != 2 or not all(isinstance(one, int) and 1 <= one <= 1000 for one in looks):
        raise ParameterError(f"lookup_looks is {looks!r}; expected two whole numbers from 1 on: lines and samples")
    return None if lookup is None else Lookup(Variable(Path(lookup).absolute()), (looks[0], looks[1]))


def series_image(items: Sequence[Item], collection: str, resampling: str) -> Image:
    """The items as a series of one complex band ``slc``; ``resampling`` as in `load_slc`."""
    first = items[0]
    here = first.properties
    bands = tuple(name for name in ("slc", "i", "q") if name in first.bands)
    placed = "proj:transform" in here
    values = {
        "items": store_items(collection, items),
        "bands": bands,
        "frame": here["jeoview:frame"],
        "shape": tuple(here["proj:shape"]),
        "crs": (here.get("proj:code") or here.get("proj:wkt2")) if placed else None,
        "transform": tuple(float(value) for value in here["proj:transform"]) if placed else None,
        "points": tuple(tuple(point) for point in here.get("jeoview:points", ())),
        "bbox": first.bbox,
        "resampling": resampling,
        "dates": Dates.of([item.datetime for item in items]),
    }
    image = apply("load_slc", (), values)
    return image if bands == ("slc",) else apply("from_iq", (image,), {})
