"""What an address asks for: strict, for it comes from outside."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from jeoview.errors import ParameterError, choices
from jeoview.graph import canonical
from tileserver.failures import Failure

Scalar = bool | int | float | str
Corners = tuple[int, int, int, int, int]

MAX_ADDRESS = 8192
MAX_ZOOM = 24
FORMATS = ("png", "webp", "npy", "tif")
_KEY = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
# Jupyter's log strikes out the value of a field whose name holds "token"; a token in a path it writes down.
TOKEN_FIELD = "tile_token"
_MAX_VALUE = 256
_MAX_FIELDS = 64


@dataclass(frozen=True, slots=True)
class Query:
    """The part after the question mark.

    Parameters
    ----------
    values : dict
        Positions of the sliders.
    view : five int, optional
        Zoom, west, north, east, south: corner tiles of the area in view.
    owner : str
        The map that asks, so that it can drop what it asked for.
    image_errors : bool, optional
        Whether an error is wanted as a picture; None leaves it to ``Accept``.
    rest : dict
        The fields that the request itself knows (``lon`` ...).
    """

    values: dict[str, Scalar]
    view: Corners | None
    owner: str
    image_errors: bool | None
    rest: dict[str, str]


@dataclass(frozen=True, slots=True)
class TileAddress:
    """One tile of one chain in one format."""

    key: str
    z: int
    x: int
    y: int
    format: str


def check_key(text: str) -> str:
    """Return a key.

    Raises
    ------
    Failure
        ``NotFound`` if it is not 64 hexadecimal digits.
    """
    if not _KEY.fullmatch(text):
        raise Failure("NotFound", "there is no such chain: a key is 64 hexadecimal digits")
    return text


def parse_tile(key: str, z: str, x: str, y: str, extension: str) -> TileAddress:
    """Read the segments of a tile's path.

    Raises
    ------
    Failure
        ``NotFound`` for a tile or format that does not exist.
    """
    if extension not in FORMATS:
        raise Failure("NotFound", f"tiles come as {', '.join(FORMATS)}")
    if not all(_NUMBER.fullmatch(text) for text in (z, x, y)):
        raise Failure("NotFound", "there is no such tile: zoom, x and y are whole numbers")
    zoom, column, row = int(z), int(x), int(y)
    if zoom > MAX_ZOOM or column >= 1 << zoom or row >= 1 << zoom:
        raise Failure(
            "NotFound", f"there is no tile {zoom}/{column}/{row}: zoom goes from 0 to {MAX_ZOOM}, x and y below 2^zoom"
        )
    return TileAddress(check_key(key), zoom, column, row, extension)


def parse_query(text: str, known: Iterable[str] = ()) -> Query:
    """Read a query.

    Parameters
    ----------
    text : str
        Still percent-encoded.
    known : iterable of str
        Names that the request takes beside ``view``, ``p.*``, ``errors``, ``map`` and ``again`` (a number: browsers keep
        the image of an address as long as a page lives).

    Raises
    ------
    ParameterError
        If a name is not known, stands there twice, or a value is malformed.
    """
    try:
        fields = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise ParameterError("the query is malformed; expected name=value&name=value") from None
    given = dict(fields)
    if len(given) < len(fields):
        raise ParameterError("the query names something twice")
    values = {name[2:]: _scalar(name[2:], given.pop(name)) for name in list(given) if name.startswith("p.")}
    given.pop(TOKEN_FIELD, None)
    if not given.pop("again", "0").isdecimal():
        raise ParameterError("again= is a number")
    view, owner, errors = given.pop("view", None), given.pop("map", ""), given.pop("errors", None)
    for name in given:
        if name not in known:
            raise ParameterError(
                f"the query has {name[:40]!r}; {choices(name[:40], [*known, 'view', 'p.NAME', 'errors', 'map'])}"
            )
    if errors not in (None, "image", "json"):
        raise ParameterError("errors= is image or json")
    return Query(
        values,
        None if view is None else parse_view(view),
        owner[:64],
        None if errors is None else errors == "image",
        given,
    )


def parse_view(text: str) -> Corners:
    """Read ``z/west/north/east/south``.

    Raises
    ------
    ParameterError
        If it is not five whole numbers that name two tiles in order.
    """
    parts = text.split("/")
    if len(parts) == 5 and all(_NUMBER.fullmatch(part) for part in parts):
        z, west, north, east, south = (int(part) for part in parts)
        if z <= MAX_ZOOM and west <= east < 1 << z and north <= south < 1 << z:
            return z, west, north, east, south
    raise ParameterError("view is z/west/north/east/south: the first and the last tile in view, at one zoom")


def _scalar(name: str, text: str) -> Scalar:
    try:
        value = json.loads(text, parse_constant=_refuse) if len(text) <= _MAX_VALUE else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, (bool, int, float, str)):
        raise ParameterError(f"p.{name[:64]}: expected a number, true, false or a text in quotation marks, as in JSON")
    return value


def _refuse(name: str) -> Scalar:
    raise ValueError(name)


def digest_of(version: str, address: TileAddress, values: dict[str, Scalar], view: Corners | None) -> str:
    """The name of a tile's bytes: equal for equal work, different for everything else."""
    place = f"{version} {address.key} {address.z}/{address.x}/{address.y}.{address.format}"
    content = f"{place} {view or ''} {canonical(values) if values else ''}"
    return hashlib.sha256(content.encode()).hexdigest()[:40]
