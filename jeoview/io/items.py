"""What the reader needs to know of an item and its bands; the catalogue's own classes have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from jeoview.catalog.items import Part
from jeoview.projection import Bounds


class FileLike(Protocol):
    """A file, or a variable of one, and its version."""

    @property
    def href(self) -> str:
        """Path of the file."""

    @property
    def etag(self) -> str:
        """Version of the file; empty where it does not matter."""

    @property
    def subdataset(self) -> str | None:
        """Variable in a file that holds many."""


class BandLike(Protocol):
    """One band of one item and where its pixels are."""

    @property
    def name(self) -> str:
        """Name within the item."""

    @property
    def href(self) -> str:
        """Path of the file."""

    @property
    def index(self) -> int:
        """Band in the file, from 1."""

    @property
    def scale(self) -> float:
        """Value = scale * number + offset; not for quality bands."""

    @property
    def offset(self) -> float:
        """Value = scale * number + offset; not for quality bands."""

    @property
    def nodata(self) -> float | None:
        """Number that stands for nothing."""

    @property
    def role(self) -> str:
        """``quality`` for classes, which are never averaged."""

    @property
    def etag(self) -> str:
        """Version of the file; empty where it does not matter."""

    @property
    def unit(self) -> str:
        """Unit of the values; wrapped phase is marked in it."""

    @property
    def subdataset(self) -> str | None:
        """Variable in a file that holds many."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Files that it is joined from; none where it is of one."""


class ItemLike(Protocol):
    """One scene."""

    @property
    def id(self) -> str:
        """Name within its collection."""

    @property
    def bbox(self) -> Bounds:
        """(west, south, east, north) in degrees; west > east across the antimeridian."""

    @property
    def bands(self) -> Mapping[str, BandLike]:
        """Bands by name."""
