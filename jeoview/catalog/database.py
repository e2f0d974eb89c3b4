"""The catalogue: STAC items in one SQLite file with a spatial index. No pixel is ever read here."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import shapely

from jeoview.catalog.connection import connect
from jeoview.catalog.items import BandInfo, CollectionInfo, Item, Json, Query
from jeoview.catalog.sql import Sql, area_of, meets, translate
from jeoview.catalog.stac import from_stac, to_stac
from jeoview.catalog.times import microseconds, parse_time
from jeoview.errors import CollectionError, ParameterError, SourceError, StoreError, choices

_CACHED_ITEMS = 8192
_CHUNK = 500


@dataclass
class _Session:
    """One thread's connection, and the items it has parsed since the file last changed."""

    connection: sqlite3.Connection
    process: int
    file: tuple[int, int]
    version: int = -1
    items: dict[tuple[str, str], Item] = field(default_factory=dict)


class Catalog:
    """Collections and items of one SQLite file; made where there is none.

    Any number of threads and processes may read and write it (write-ahead log). Each thread has
    its own connection.

    Parameters
    ----------
    path : Path
        The file; its folder is made.

    Raises
    ------
    StoreError
        If the file is broken, belongs to another program, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._local = threading.local()
        self._session()

    # -- collections -----------------------------------------------------------------------------

    def add_collection(self, collection: CollectionInfo) -> None:
        """Add a collection, or renew the description of one that is there; its items stay."""
        with self._write() as connection:
            _add_collection(connection, collection)
            _add_bands(connection, collection.name, collection.bands)

    def collections(self, opened: bool = True) -> list[str]:
        """Names of the collections, sorted.

        Parameters
        ----------
        opened : bool
            Whether those are among them that stand for a file opened in a notebook, under a name that nobody gave.
        """
        rows = self._rows("SELECT name, json_extract(document, '$.origin') FROM collections ORDER BY name", [])
        return [name for name, origin in rows if opened or origin != "opened"]

    def collection(self, name: str) -> CollectionInfo:
        """Return what is known of a collection.

        Raises
        ------
        CollectionError
            If there is none of this name; the message lists those that exist.
        """
        rows = self._rows("SELECT document FROM collections WHERE name = ?", [name])
        if not rows:
            known = self.collections(opened=False)
            empty = "the catalogue has none yet; run `jeoview demo` or `jeoview ingest FOLDER`"
            raise CollectionError(f"there is no collection {name!r}: {choices(str(name), known) if known else empty}")
        bands = self._rows("SELECT document FROM bands WHERE collection = ? ORDER BY number", [name])
        return CollectionInfo(name, **json.loads(rows[0][0]), bands=tuple(BandInfo(**json.loads(b)) for (b,) in bands))

    def properties(self, collection: str) -> dict[str, frozenset[str]]:
        """Property names of a collection's items and the JSON types that were seen.

        Returns
        -------
        dict of str to frozenset of str
            For instance ``{"eo:cloud_cover": {"number"}}``; types are number, text, boolean, array, object.
        """
        rows = self._rows("SELECT name, type FROM properties WHERE collection = ? ORDER BY name", [collection])
        found: dict[str, set[str]] = {}
        for name, kind in rows:
            found.setdefault(name, set()).add(kind)
        return {name: frozenset(kinds) for name, kinds in found.items()}

    def remove_collection(self, name: str) -> None:
        """Forget a collection and its items; the files stay. Nothing happens where there is none."""
        with self._write() as connection:
            _drop_boxes(connection, "collection = ?", (name,))
            connection.execute("DELETE FROM collections WHERE name = ?", (name,))

    # -- items -----------------------------------------------------------------------------------

    def add_items(self, items: Iterable[Item]) -> None:
        """Add items, or replace those of the same collection and id; all of them or none.

        Raises
        ------
        CollectionError
            If an item's collection was not added before.
        """
        with self._write() as connection:
            known = {name for (name,) in connection.execute("SELECT name FROM collections")}
            for item in items:
                if item.collection not in known:
                    raise CollectionError(f"there is no collection {item.collection!r}; add it first")
                _add_item(connection, item)

    def replace_items(self, collection: CollectionInfo, items: Iterable[Item]) -> None:
        """Make a collection anew: these items and bands and no others; all at once, or nothing on an error."""
        with self._write() as connection:
            _add_collection(connection, collection)
            _drop_boxes(connection, "collection = ?", (collection.name,))
            for table in ("items", "bands", "properties"):
                connection.execute(f"DELETE FROM {table} WHERE collection = ?", (collection.name,))
            _add_bands(connection, collection.name, collection.bands)
            for item in items:
                _add_item(connection, replace(item, collection=collection.name))

    def remove_items(self, collection: str, ids: Iterable[str]) -> None:
        """Forget items; the files stay."""
        with self._write() as connection:
            for item_id in ids:
                _drop_boxes(connection, "collection = ? AND id = ?", (collection, item_id))
                connection.execute("DELETE FROM items WHERE collection = ? AND id = ?", (collection, item_id))

    def item(self, collection: str, item_id: str) -> Item:
        """Return one item.

        Raises
        ------
        SourceError
            If the catalogue does not hold it.
        """
        return self.items(collection, [item_id])[0]

    def items(self, collection: str, ids: Sequence[str]) -> list[Item]:
        """Return items by id, in the order asked for.

        Raises
        ------
        SourceError
            If one of them is not there.
        """
        session = self._fresh()
        missing = [item_id for item_id in ids if (collection, item_id) not in session.items]
        for start in range(0, len(missing), _CHUNK):
            chunk = missing[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            sql = f"SELECT document FROM items WHERE collection = ? AND id IN ({marks})"
            self._keep(session, [_parse(text) for (text,) in self._rows(sql, [collection, *chunk])])
        try:
            return [session.items[collection, item_id] for item_id in ids]
        except KeyError as error:
            raise SourceError(f"the catalogue holds no item {error.args[0][1]!r} of {collection!r}") from None

    def search(self, query: Query) -> list[Item]:
        """Return the items that a query selects, in its order.

        Raises
        ------
        CollectionError
            If there is no such collection.
        ParameterError
            If the filter cannot be evaluated.
        """
        return [_parse(text) for (text,) in self._select("i.document", query)]

    def ids(self, query: Query) -> list[str]:
        """Return the ids of what `search` returns."""
        return [row[0] for row in self._select("i.id", query)]

    def count(self, query: Query) -> int:
        """Return how many items `search` returns."""
        text, values = _statement("i.number", query)
        if not (found := int(self._rows(f"SELECT count(*) FROM ({text})", values)[0][0])):
            self.collection(query.collection)
        return found

    # -- the file --------------------------------------------------------------------------------

    def close(self) -> None:
        """Close this thread's connection; the next call opens one again."""
        session: _Session | None = getattr(self._local, "session", None)
        if session is not None:
            session.connection.close()
            self._local.session = None

    def _select(self, what: str, query: Query) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = self._rows(*_statement(what, query))
        if not rows:
            self.collection(query.collection)
        return rows

    def _rows(self, sql: str, values: Sequence[object]) -> list[tuple[str, ...]]:
        with self._guard():
            return self._session().connection.execute(sql, values).fetchall()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        session = self._session()
        with self._guard():
            session.connection.execute("BEGIN IMMEDIATE")
            try:
                yield session.connection
            except BaseException:
                session.connection.execute("ROLLBACK")
                raise
            session.connection.execute("COMMIT")
            session.items.clear()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreError(f"the catalogue {self.path.name!r} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"the catalogue {self.path.name!r} is broken or no SQLite file ({error}); move it away and ingest again"
            ) from error
        except OSError as error:
            raise StoreError(f"the folder of the catalogue {self.path.name!r} cannot be made") from error

    def _session(self) -> _Session:
        session: _Session | None = getattr(self._local, "session", None)
        # A connection must not cross a fork, nor outlive its file: a catalogue that was deleted is made again.
        if session is None or session.process != os.getpid() or session.file != self._file():
            with self._guard():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                session = _Session(connect(self.path), os.getpid(), self._file())
            self._local.session = session
        return session

    def _file(self) -> tuple[int, int]:
        try:
            status = self.path.stat()
        except OSError:
            return 0, 0
        return status.st_dev, status.st_ino

    def _fresh(self) -> _Session:
        session = self._session()
        version = int(self._rows("PRAGMA data_version", [])[0][0])
        if version != session.version:
            session.version = version
            session.items.clear()
        return session

    def _keep(self, session: _Session, items: list[Item]) -> None:
        if len(session.items) > _CACHED_ITEMS:
            session.items.clear()
        session.items.update({(item.collection, item.id): item for item in items})


def _parse(text: str) -> Item:
    return from_stac(json.loads(text))


def _add_collection(connection: sqlite3.Connection, collection: CollectionInfo) -> None:
    document = {key: value for key, value in asdict(collection).items() if key not in ("name", "bands")}
    connection.execute(
        "INSERT INTO collections VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET document = excluded.document",
        (collection.name, json.dumps(document)),
    )


def _add_item(connection: sqlite3.Connection, item: Item) -> None:
    footprint = area_of(item.geometry)
    document = json.dumps(to_stac(item), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    (number,) = connection.execute(
        "INSERT INTO items (collection, id, time, footprint, document) VALUES (?, ?, ?, ?, ?) ON CONFLICT"
        " (collection, id) DO UPDATE SET time=excluded.time, footprint=excluded.footprint, document=excluded.document"
        " RETURNING number",
        (item.collection, item.id, microseconds(parse_time(item.datetime)), shapely.to_wkb(footprint), document),
    ).fetchone()
    _drop_boxes(connection, "number = ?", (number,))
    connection.executemany("INSERT INTO boxes VALUES (?, ?, ?, ?, ?)", _boxes(number, footprint))
    bands = [BandInfo(b.name, b.common_name, b.role, b.unit, b.quality) for b in item.bands.values()]
    _add_bands(connection, item.collection, bands)
    connection.executemany(
        "INSERT OR IGNORE INTO properties VALUES (?, ?, ?)",
        [(item.collection, name, _type(value)) for name, value in _known(item).items() if value is not None],
    )


def _boxes(number: int, footprint: shapely.Geometry) -> list[tuple[float, ...]]:
    """Boxes of the index: one, or two for a footprint cut at the antimeridian; their numbers halve to the item's."""
    parts = shapely.get_parts(footprint)
    boxes = shapely.bounds(parts if len(parts) == 2 else [footprint]).tolist()
    return [(2 * number + i, west, east, south, north) for i, (west, south, east, north) in enumerate(boxes)]


def _drop_boxes(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> None:
    """Take items out of the index; by number, the only thing that an R*Tree finds fast besides boxes."""
    numbers = connection.execute(f"SELECT number FROM items WHERE {where}", values).fetchall()
    connection.executemany("DELETE FROM boxes WHERE number = ?", [(2 * n + i,) for (n,) in numbers for i in (0, 1)])


def _known(item: Item) -> Json:
    return {**item.properties, "datetime": item.datetime, "id": item.id}


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "text"
    return "array" if isinstance(value, (list, tuple)) else "object"


def _add_bands(connection: sqlite3.Connection, collection: str, bands: Iterable[BandInfo]) -> None:
    connection.executemany(
        "INSERT INTO bands (collection, name, document) VALUES (?, ?, ?)"
        " ON CONFLICT (collection, name) DO UPDATE SET document = excluded.document",
        [(collection, band.name, json.dumps(asdict(band))) for band in bands],
    )


def _statement(what: str, query: Query) -> Sql:
    """The SELECT of a query, its parameters in the order of their marks."""
    conditions: list[Sql] = [("i.collection = ?", [query.collection])]
    if query.bbox is not None:
        conditions.append(meets(shapely.box(*query.bbox)))
    if query.interval is not None:
        bounds = zip((">=", "<"), query.interval, strict=True)
        conditions += [(f"i.time {op} ?", [microseconds(parse_time(end))]) for op, end in bounds if end is not None]
    if query.filter is not None:
        conditions.append(translate(query.filter))
    if query.within is not None:
        text, values = _statement("i.number", replace(query.within, collection=query.collection))
        conditions.append((f"i.number IN ({text})", values))
    order, order_values = _order(query.sortby)
    where = " AND ".join(text for text, _ in conditions)
    values = [value for _, part in conditions for value in part]
    limit = [-1 if query.limit is None else query.limit]
    return f"SELECT {what} FROM items i WHERE {where} ORDER BY {order} LIMIT ?", [*values, *order_values, *limit]


def _order(sortby: Sequence[str]) -> Sql:
    terms, values = [], []
    for name in sortby:
        text, value = translate({"property": name.lstrip("+-")})
        terms.append(f"{text} {'DESC' if name.startswith('-') else 'ASC'} NULLS LAST")
        values += value
    return ", ".join([*terms, "i.time", "i.id"]), values


def check_limit(limit: object) -> int:
    """Return a limit as a whole number.

    Raises
    ------
    ParameterError
        If it is not a whole number above zero.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ParameterError(f"limit is {limit!r}; expected a whole number of at least 1")
    return limit
