"""Exits: the same chain as a file or an array, through the same engine as the map's tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jeoview.collection import ImageCollection
from jeoview.export.array import to_numpy
from jeoview.export.dataarray import to_xarray
from jeoview.export.geotiff import to_geotiff
from jeoview.export.gif import Animation, to_gif
from jeoview.export.isolines import isolines
from jeoview.export.kmz import to_kmz
from jeoview.export.package import export_package
from jeoview.export.picture import to_png
from jeoview.export.profile import profile
from jeoview.export.provenance import open_chain
from jeoview.export.table import to_csv
from jeoview.image import Image
from jeoview.recipes import with_advice

EXITS: dict[str, Callable[..., Any]] = {
    "isolines": isolines,
    "profile": profile,
    "to_csv": to_csv,
    "to_geotiff": to_geotiff,
    "to_gif": to_gif,
    "to_kmz": to_kmz,
    "to_numpy": to_numpy,
    "to_png": to_png,
    "to_xarray": to_xarray,
}


def attach_exits(cls: type) -> None:
    """Give a class every exit as a method.

    Parameters
    ----------
    cls : type
        `Image`, or a class with a method ``image()`` such as a collection.
    """
    for name, exit_ in EXITS.items():
        setattr(cls, name, with_advice(name, exit_))


attach_exits(Image)
attach_exits(ImageCollection)
__all__ = [
    "EXITS",
    "Animation",
    "attach_exits",
    "export_package",
    "isolines",
    "open_chain",
    "profile",
    "to_csv",
    "to_geotiff",
    "to_gif",
    "to_kmz",
    "to_numpy",
    "to_png",
    "to_xarray",
]
