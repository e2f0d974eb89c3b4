"""Collections: lazy filters over the catalogue, frozen into a chain when pixels are asked for.

A collection is a question to the catalogue; no pixel is read by any of its methods. `ImageCollection.image`
freezes the answer: the list of scenes with the version of each file, under its hash.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jeoview.catalog import Catalog, CollectionInfo, Item, Query
from jeoview.catalog.database import check_limit
from jeoview.catalog.filters import Expression, check_filter
from jeoview.catalog.places import find_place
from jeoview.catalog.times import format_time, parse_period, parse_time
from jeoview.collection.areas import read_area
from jeoview.collection.describe import CLOUD, Description, describe, row_of
from jeoview.collection.files import Pattern, register_files
from jeoview.collection.frozen import freeze, user_catalog
from jeoview.errors import BandError, CollectionError, ParameterError, choices
from jeoview.image import Image, apply, attach_operators
from jeoview.quantities import short
from jeoview.recipes import attach_recipes

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class ImageCollection:
    """Scenes of one collection of the catalogue; filters give new collections and read nothing.

    Parameters
    ----------
    name : str
        Name in the catalogue, for instance ``"demo-sentinel-2"``; ``jeoview collections`` lists them.

    Raises
    ------
    CollectionError
        If the catalogue has none of this name; the message lists those that exist.
    """

    name: str
    query: Query = field(default=Query(""), kw_only=True)
    steps: tuple[tuple[str, Query], ...] = field(default=(), kw_only=True)

    # numpy would take a collection for a list; so ``array + collection`` is refused in our words.
    __array_ufunc__ = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ParameterError(f"ImageCollection got {short(self.name)}; expected the name of a collection")
        if not self.query.collection:
            object.__setattr__(self, "query", Query(self.name))
        self.info  # noqa: B018 - an unknown name is an error at this line

    @property
    def catalog(self) -> Catalog:
        """The user's catalogue."""
        return user_catalog()

    @property
    def info(self) -> CollectionInfo:
        """Title, description, bands; whether the pixels are simulated."""
        return self.catalog.collection(self.name)

    @property
    def bands(self) -> tuple[str, ...]:
        """Band names of the collection."""
        return self.info.band_names

    # -- filters ---------------------------------------------------------------------------------

    def filter_place(self, name: str) -> ImageCollection:
        """Scenes that meet the box around a place, such as ``"Toulouse"`` or ``"Valencia, Spain"``.

        Raises
        ------
        PlaceError
            If the gazetteer has no such place; the message gives the nearest names.
        """
        place = find_place(name)
        note = f" ({place.note})" if place.note else ""
        return self._narrow(f"place {place.name}, {place.country}{note}", bbox=place.bbox)

    def filter_bounds(self, area: Any) -> ImageCollection:
        """Scenes whose footprint meets a box in degrees, an area, or the view of a map.

        Parameters
        ----------
        area : (west, south, east, north), dict, or object
            A box; GeoJSON, or anything with ``__geo_interface__`` (shapely, geopandas): its exact shape counts;
            anything with ``bounds``, such as a map in view.

        Raises
        ------
        ParameterError
            If it is none of these, or does not lie on the globe.
        """
        found = read_area(area)
        if isinstance(found, tuple):
            west, south, east, north = found
            return self._narrow(f"bounds {west:g}, {south:g}, {east:g}, {north:g}", bbox=found)
        meets = {"op": "s_intersects", "args": [{"property": "geometry"}, found]}
        return self._narrow(f"an area ({found['type']})", filter=meets)

    def filter_date(self, start: Any, end: Any = ...) -> ImageCollection:
        """Scenes from ``start`` on and before ``end``: the start is included, the end is not (as in Earth Engine).

        Parameters
        ----------
        start, end : str, date or None
            ``"2023-05-01"``, ``"2023-05"`` (its first day), RFC 3339 or a Python date; without zone it is UTC. None
            leaves a side open. ``start`` alone stands for the whole year, month or day that it names.

        Raises
        ------
        ParameterError
            If a date cannot be read, or the start is not before the end.
        """
        if end is ...:
            first, last = (None, None) if start is None else parse_period(start, "start")
        else:
            first = None if start is None else parse_time(start, "start")
            last = None if end is None else parse_time(end, "end")
        if first is None and last is None:
            raise ParameterError("filter_date: give a start, an end, or both")
        if first is not None and last is not None and first >= last:
            raise ParameterError(f"filter_date: start {start!r} is not before end {end!r}; the end is not included")
        interval = (None if first is None else format_time(first), None if last is None else format_time(last))
        return self._narrow(f"dates {interval[0] or '...'} to {interval[1] or '...'}", interval=interval)

    def filter(self, condition: Expression | Mapping[str, Any] | str) -> ImageCollection:
        """Scenes whose properties fulfil a condition.

        Parameters
        ----------
        condition : expression of `prop`, CQL2 JSON or CQL2 text
            For instance ``(jv.prop("eo:cloud_cover") < 20) & (jv.prop("platform") == "sentinel-2a")``.

        Raises
        ------
        ParameterError
            If it is no condition, or names a property that no scene has; the message lists those that exist.
        """
        checked = check_filter(condition, self.catalog.properties(self.name))
        shown = condition.to_text() if isinstance(condition, Expression) else str(condition)
        return self._narrow(f"filter {shown}", filter=checked)

    def sort(self, prop: str, descending: bool = False) -> ImageCollection:
        """Order the scenes by a property; ``"-datetime"`` or ``descending`` puts the largest first.

        The order decides what `mosaic`, `first` and `last` show.

        Raises
        ------
        ParameterError
            If no scene has the property.
        """
        name = str(prop).removeprefix("-")
        known = {*self.catalog.properties(self.name), "datetime", "id"}
        if name not in known:
            raise ParameterError(f"sort: no property {name!r}; {choices(name, known)}")
        sign = "-" if descending or str(prop).startswith("-") else ""
        return self._narrow(f"sorted by {sign}{name}", sortby=(sign + name,))

    def limit(self, count: int) -> ImageCollection:
        """The first ``count`` scenes in the collection's order; a filter after it chooses among these.

        Raises
        ------
        ParameterError
            If it is not a whole number from 1.
        """
        return self._narrow(f"limit {count}", limit=check_limit(count))

    def _narrow(self, text: str, **changes: Any) -> ImageCollection:
        old = self.query
        if "sortby" in changes:  # the earlier order decides where the new one is equal
            name = changes["sortby"][0].removeprefix("-")
            changes["sortby"] += tuple(other for other in old.sortby if other.removeprefix("-") != name)
        if "filter" in changes and old.filter is not None and old.limit is None:
            changes["filter"] = (Expression(dict(old.filter)) & Expression(changes["filter"])).json
        # A question after a limit, or a second one of a kind, is asked of the answer to the first.
        again = any(getattr(old, name) is not None for name in ("bbox", "interval") if name in changes)
        if old.limit is not None or again:
            query = Query(self.name, within=old, **{"sortby": old.sortby, **changes})
        else:
            query = replace(old, **changes)
        return replace(self, query=query, steps=(*self.steps, (text, query)))

    # -- metadata --------------------------------------------------------------------------------

    def items(self) -> list[Item]:
        """The scenes, in order."""
        return self.catalog.search(self.query)

    def count(self) -> int:
        """Number of scenes; ``image().count()`` counts valid dates by pixel."""
        return self.catalog.count(self.query)

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True

    def dates(self) -> list[str]:
        """Days (UTC) on which there are scenes, each once, in order of time."""
        return sorted({item.datetime[:10] for item in self.items()})

    def to_frame(self) -> pd.DataFrame:
        """The scenes as a table: id, datetime, west, south, east, north, and all properties."""
        import pandas as pd  # half a second that only a table needs

        rows = [row_of(item) for item in self.items()]
        for row in rows:
            row["datetime"] = pd.Timestamp(row["datetime"])
        return pd.DataFrame(rows, columns=None if rows else ["id", "datetime", "west", "south", "east", "north"])

    def describe(self) -> Description:
        """Count, clouds, gaps between clear days and scenes by month."""
        return describe(self.items())

    def __repr__(self) -> str:
        steps = "".join(f"\n  {text}" for text, _ in self.steps)
        label = " (simulated)" if self.info.simulated else ""
        return f"<jeoview.ImageCollection {self.name!r}{label}: {self.count()} scenes, bands {list(self.bands)}>{steps}"

    def _repr_html_(self) -> str:
        info, items = self.info, self.items()
        label = " <b>(simulated)</b>" if info.simulated else ""
        steps = "".join(f"<li>{html.escape(text)}</li>" for text, _ in self.steps)
        table = self.to_frame()[["id", "datetime"] + ([CLOUD] if any(CLOUD in i.properties for i in items) else [])]
        return (
            f"<div><b>{html.escape(info.title or self.name)}</b>{label}: {len(items)} scenes<br>"
            f"bands: {html.escape(', '.join(self.bands))}<ul>{steps}</ul>{table.head(12).to_html(index=False)}</div>"
        )

    # -- pixels ----------------------------------------------------------------------------------

    def image(self, resampling: str = "nearest") -> Image:
        """The scenes as one image, a series over time; freezes the list of scenes.

        Parameters
        ----------
        resampling : {"nearest", "bilinear"}
            How the files are brought onto the map; quality bands are always nearest.

        Raises
        ------
        CollectionError
            If no scene is left; the message says how many each filter left.
        """
        items = self.items()
        if not items:
            raise CollectionError(self._why_empty())
        return freeze(self.info, items, resampling)

    def _why_empty(self) -> str:
        whole = self.catalog.count(Query(self.name))
        steps = [f"{text}: {self.catalog.count(query)}" for text, query in self.steps]
        return f"no scene of {self.name!r} is left. The collection has {whole}; after " + "; after ".join(
            steps or ["nothing"]
        )

    def __getitem__(self, key: str | list[str] | tuple[str, ...]) -> Image:
        """Bands by name, or the image of one day (``"2023-07-25"``) or of one scene by id.

        Raises
        ------
        BandError
            If it is none of these; the message says what exists.
        """
        if not isinstance(key, str):
            return self.image()[key]
        if key in self.bands or key in self.info.common_names:
            return self.image()[key]
        items = [item for item in self.items() if key in (item.id, item.datetime[:10], item.datetime)]
        if not items:
            known = [*self.bands, *self.dates(), *(item.id for item in self.items())]
            raise BandError(f"{self.name}: no band, day or scene {key!r}; {choices(key, known)}")
        return apply("mosaic", (freeze(self.info, items),), {})

    def __iter__(self) -> Iterator[Image]:
        """The image of each scene, in order."""
        return (apply("mosaic", (freeze(self.info, [item]),), {}) for item in self.items())

    @classmethod
    def from_files(
        cls, pattern: Pattern | Sequence[Pattern], date: str | None = None, name: str | None = None, **options: Any
    ) -> ImageCollection:
        """A collection of files on disk, any raster that GDAL reads.

        Parameters
        ----------
        pattern : str, path, or list of paths
            For instance ``"scenes/*.tif"``; ``**`` goes into subfolders. A folder stands for the rasters that lie in
            it, a list for its files.
        date : str, optional
            Format of the date in the file names, as in `datetime.strptime`; the usual ones are found without. Or the
            date of files that say none, such as ``"2011-02-11"``.
        name : str, optional
            Name of the collection; by default made from the pattern, the same for the same pattern.
        **options
            ``bands``, ``common_names``, ``scale``, ``offset``, ``nodata``, ``quality``, ``unit``, ``wrapped`` (the bands
            that are wrapped phase in rad): what is known better than the files say, see
            `jeoview.io.products.generic.FileOptions`.

        Raises
        ------
        SourceError
            If no file matches, a name has no date (they are listed), or a file is broken.
        """
        return cls(register_files(pattern, date, name, options))


def _attach() -> None:
    """Give collections the operators and recipes of images; their own methods stand before them."""
    own = {
        name: value for name, value in vars(ImageCollection).items() if callable(value) or isinstance(value, property)
    }
    attach_operators(ImageCollection)
    attach_recipes(ImageCollection)
    for name in ("count", "__bool__", "__getitem__", "__iter__", "__len__", "filter"):
        setattr(ImageCollection, name, own[name])


_attach()
