"""Places by name: offline from GeoNames, online from a geocoder that a test plays."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from jeoview.catalog import places
from jeoview.catalog.places import GEOCODER, Place, find_place, fold
from jeoview.errors import ParameterError, PlaceError

Bounds = tuple[float, float, float, float]


def inside(bbox: Bounds, lon: float, lat: float) -> bool:
    return bbox[0] <= lon <= bbox[2] and bbox[1] <= lat <= bbox[3]


def size_km(bbox: Bounds) -> tuple[float, float]:
    """Width and height on a sphere."""
    west, south, east, north = bbox
    middle = math.radians((south + north) / 2)
    return (east - west) * 111.32 * math.cos(middle), (north - south) * 111.32


# Coordinates from an encyclopaedia, not from the gazetteer.
@pytest.mark.parametrize(
    ("name", "found", "country", "lon", "lat"),
    [
        ("Toulouse", "Toulouse", "France", 1.444, 43.605),
        ("toulouse", "Toulouse", "France", 1.444, 43.605),
        ("  TOULOUSE ", "Toulouse", "France", 1.444, 43.605),
        ("Bozen", "Bolzano", "Italy", 11.35, 46.50),
        ("sao paulo", "São Paulo", "Brazil", -46.633, -23.55),
        ("Roma", "Rome", "Italy", 12.496, 41.903),
        ("München", "Munich", "Germany", 11.575, 48.137),
        ("Saint-Étienne", "Saint-Étienne", "France", 4.39, 45.434),
        ("Valencia, Spain", "Valencia", "Spain", -0.376, 39.47),
        ("Valencia, es", "Valencia", "Spain", -0.376, 39.47),
        ("Paris, TX", "Paris", "United States", -95.548, 33.662),
        ("Paris, Texas", "Paris", "United States", -95.548, 33.662),
    ],
)
def test_towns_are_found(name: str, found: str, country: str, lon: float, lat: float) -> None:
    place = find_place(name)
    assert (place.name, place.country, place.source) == (found, country, "GeoNames")
    assert inside(place.bbox, lon, lat)


def test_the_box_grows_with_the_town_and_is_square_on_the_ground() -> None:
    mexico, toulouse, small = (find_place(name).bbox for name in ("Mexico City", "Toulouse", "Bath"))
    for box in (mexico, toulouse, small):
        width, height = size_km(box)
        assert width == pytest.approx(height, rel=0.01)
    assert size_km(small)[1] == pytest.approx(math.sqrt(94782 / 1500), rel=0.05)  # Bath has 94,782 inhabitants
    assert size_km(toulouse)[1] == pytest.approx(math.sqrt(511684 / 1500), rel=0.01)
    assert 60 < size_km(mexico)[1] < 120


def test_of_several_the_most_populous_is_taken_and_the_others_are_named() -> None:
    place = find_place("Valencia")
    assert place.country == "Venezuela"
    assert place.note.startswith("Valencia, Venezuela (1,")
    assert "Valencia, Spain" in place.note
    assert find_place("Valencia, Spain").note == ""


def test_a_village_is_found_in_the_long_list() -> None:
    place = find_place("Amatrice")
    assert inside(place.bbox, 13.29, 42.63)
    assert size_km(place.bbox)[1] == pytest.approx(6.0, rel=0.01), "the least box"


# Extreme points of the countries, from an atlas.
@pytest.mark.parametrize(
    ("name", "country", "corners"),
    [
        ("Italy", "Italy", [(7.7, 45.0), (12.6, 35.5), (18.5, 40.1), (12.1, 46.9)]),
        ("NOR", "Norway", [(5.3, 60.4), (25.7, 70.9)]),
        ("netherlands", "The Netherlands", [(4.9, 52.4), (5.7, 50.9)]),
        ("USA", "United States", [(-74.0, 40.7), (-122.4, 37.8), (-157.9, 21.3)]),
    ],
)
def test_countries_are_found(name: str, country: str, corners: list[tuple[float, float]]) -> None:
    place = find_place(name)
    assert place.name == place.country == country
    assert all(inside(place.bbox, lon, lat) for lon, lat in corners)
    assert not inside(place.bbox, 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Tolouse", "did you mean Toulouse, France"),
        ("Paris, Atlantis", "'Atlantis' is neither a country nor a state"),
    ],
)
def test_an_unknown_place_is_an_error_that_helps(name: str, hint: str) -> None:
    with pytest.raises(PlaceError, match=hint):
        find_place(name)


def test_near_names() -> None:
    assert places._nearest("Itlay").startswith("did you mean Italy")
    assert "Bolzano, Italy" in places._nearest("Bolzanno")
    assert places._nearest("Xyzzqq") == "give a bbox to filter_bounds"


@pytest.mark.parametrize("wrong", ["", "   ", "!?", None, 5, ["Rome"]])
def test_what_is_no_name_is_refused(wrong: Any) -> None:
    with pytest.raises(ParameterError, match="expected a name"):
        find_place(wrong)


def test_folding() -> None:
    assert fold("  Saint-Étienne ") == "saint etienne"
    assert fold("São  Paulo") == "sao paulo"
    assert fold("STRASSE") == fold("Straße")


def test_the_gazetteer_is_not_read_at_import() -> None:
    code = (
        "import jeoview.catalog.places as p, sys; "
        "sys.exit(p._large_cities.cache_info().currsize + p._countries.cache_info().currsize)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- online ------------------------------------------------------------------------------------------


class Geocoder:
    """A Nominatim-like service on 127.0.0.1."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Any = []
        self.status = 200
        self.delay = 0.0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(parse_qs(urlsplit(self.path).query)["q"][0])
                time.sleep(service.delay)
                body = service.answer if isinstance(service.answer, bytes) else json.dumps(service.answer).encode()
                self.send_response(service.status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/search?format=jsonv2&q={{name}}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def geocoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Geocoder]:
    service = Geocoder()
    monkeypatch.setenv(GEOCODER, service.url)
    yield service
    service.server.shutdown()
    service.server.server_close()


TOULOUSE = {
    "display_name": "Toulouse, Haute-Garonne, Occitanie, France",
    "boundingbox": ["43.53", "43.67", "1.35", "1.52"],
    "address": {"country": "France"},
}


def test_a_configured_geocoder_is_asked_first(geocoder: Geocoder) -> None:
    geocoder.answer = [TOULOUSE, {"display_name": "Toulouse Street, New Orleans"}]
    place = find_place("Toulouse & Co/é")
    assert geocoder.asked == ["Toulouse & Co/é"], "the name is quoted"
    assert (place.name, place.country, place.source) == ("Toulouse", "France", "127.0.0.1")
    assert place.bbox == (1.35, 43.53, 1.52, 43.67), "Nominatim's order is south, north, west, east"
    assert "Toulouse Street" in place.note


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ([], 200),
        (b"<html>not json", 200),
        ({"error": "no"}, 200),
        ([{"display_name": "Toulouse"}], 200),
        ([{**TOULOUSE, "boundingbox": ["91", "92", "1", "2"]}], 200),
        (b"", 500),
    ],
)
def test_what_the_geocoder_cannot_say_the_gazetteer_says_and_tells(
    geocoder: Geocoder, answer: Any, status: int
) -> None:
    geocoder.answer, geocoder.status = answer, status
    place = find_place("Toulouse")
    assert place.source == "GeoNames"
    assert "the geocoder at 127.0.0.1" in place.note
    assert "offline gazetteer" in place.note


def test_a_slow_or_absent_geocoder_is_not_waited_for(geocoder: Geocoder, monkeypatch: pytest.MonkeyPatch) -> None:
    geocoder.answer, geocoder.delay = [TOULOUSE], 2.0
    monkeypatch.setattr(places, "TIMEOUT_SECONDS", 0.2)
    assert find_place("Toulouse").source == "GeoNames"
    monkeypatch.setenv(GEOCODER, "http://127.0.0.1:9/search?q={name}")  # nobody listens on the discard port
    assert "failed" in find_place("Toulouse").note


@pytest.mark.parametrize(
    "template", ["file:///etc/passwd?{name}", "ftp://host/{name}", "http://host/search?q=", "nonsense"]
)
def test_only_web_addresses_are_geocoders(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GEOCODER, template)
    with pytest.raises(ParameterError, match=GEOCODER):
        find_place("Toulouse")


def test_a_place_is_a_value() -> None:
    assert Place("a", "b", (0.0, 0.0, 1.0, 1.0)) == Place("a", "b", (0.0, 0.0, 1.0, 1.0))
