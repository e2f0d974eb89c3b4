"""TileJSON, legend, point, operators, metrics, base URLs: what a client learns of a chain and of the server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import mercantile
import numpy as np
import pytest
import rasterio
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from rasterio.windows import from_bounds

from jeoview.chain import operator_schemas
from jeoview.describe import style_base
from jeoview.grid import tile_grid, tiles_grid
from jeoview.io import legend
from tests.service.support import TOKEN, Scene, Server, X, Y, Z, start_server
from tileserver.forwarded import root_url
from tileserver.settings import check_base_url, parse


def test_tilejson(scene: Scene, server: Server) -> None:
    node = scene.ndvi()
    document = server.ask(f"chains/{scene.engine.save(node)}/tilejson.json").json()
    assert document["tilejson"] == "3.0.0"
    assert document["tiles"] == [f"http://127.0.0.1:{server.port}/{TOKEN}/tiles/{node.key}/{{z}}/{{x}}/{{y}}.png"]
    west, south, east, north = document["bounds"]
    np.testing.assert_allclose((west, south, east, north), (11.341, 46.385, 11.478, 46.480), atol=1e-3)
    assert (document["minzoom"], document["maxzoom"]) == (0, 24)
    assert document["attribution"] == "Scenes of a test (simulated)"
    assert "colormap" in document["name"]


def test_tilejson_of_a_bearer_has_no_token_and_keeps_sliders(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.threshold())
    path = f"chains/{key}/tilejson.json?p.least=0.25&format=webp"
    answer = server.ask(path, token=None, headers={"Authorization": f"Bearer {TOKEN}"})
    (template,) = answer.json()["tiles"]
    assert template == f"http://127.0.0.1:{server.port}/tiles/{key}/{{z}}/{{x}}/{{y}}.webp?p.least=0.25"
    assert TOKEN not in answer.body.decode()


def test_wmts_capabilities_lead_to_the_tile(scene: Scene, server: Server, tmp_path: Path) -> None:
    key = scene.engine.save(scene.ndvi())
    answer = server.ask(f"chains/{key}/WMTSCapabilities.xml")
    assert answer.headers["content-type"] == "application/xml"
    names = {"w": "http://www.opengis.net/wmts/1.0", "o": "http://www.opengis.net/ows/1.1"}
    root = ET.fromstring(answer.body)
    layer = root.find("w:Contents/w:Layer", names)
    assert layer is not None
    assert layer.findtext("o:Abstract", namespaces=names) == "Scenes of a test (simulated)"
    resource = layer.find("w:ResourceURL", names)
    assert resource is not None
    template = resource.attrib["template"].removeprefix(f"http://127.0.0.1:{server.port}/{TOKEN}/")
    path = template.replace("{TileMatrix}", str(Z)).replace("{TileCol}", str(X)).replace("{TileRow}", str(Y))
    assert server.ask(path).body == server.tile(key).body
    # GDAL reads it as a raster with the pixels of the tile's place.
    file = tmp_path / "capabilities.xml"
    file.write_bytes(answer.body)
    with rasterio.open(f"WMTS:{file},layer={key},tilematrix={Z}") as opened:
        assert opened.crs.to_epsg() == 3857
        window = from_bounds(*tile_grid(Z, X, Y).bounds, opened.transform).round()
        shown = opened.read((1, 2, 3), window=window)
    with Image.open(io.BytesIO(server.tile(key).body)) as image:
        np.testing.assert_array_equal(shown, np.asarray(image.convert("RGB")).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "a.example:8000"}, "http://a.example:8000/base/t/"),
        ({"Host": "a", "X-Forwarded-Proto": "https"}, "https://a/base/t/"),
        (
            {"Host": "a", "X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "b.example, c"},
            "https://b.example/base/t/",
        ),
        ({"Host": "a", "X-Forwarded-Prefix": "/user/ann/proxy/80/"}, "http://a/user/ann/proxy/80/base/t/"),
        ({"Host": "a", "X-ProxyContextPath": "/x"}, "http://a/x/base/t/"),
        ({"Host": "[::1]:80"}, "http://[::1]:80/base/t/"),
        ({"Host": 'a"><script>'}, "http://127.0.0.1/base/t/"),
        ({"Host": "a", "X-Forwarded-Proto": "javascript", "X-Forwarded-Prefix": '/"x'}, "http://a/base/t/"),
        ({"Host": "a", "X-Forwarded-Host": "evil/../x"}, "http://a/base/t/"),
    ],
)
def test_the_address_behind_proxies(headers: dict[str, str], expected: str) -> None:
    assert root_url(headers, "http", "/base/", "t") == expected


def test_the_value_under_a_point(scene: Scene, server: Server) -> None:
    node = scene.ndvi()
    answer = server.ask(f"chains/{scene.engine.save(node)}/point?lon=11.4&lat=46.43&zoom=13").json()
    assert answer == scene.engine.point(node, 11.4, 46.43, 13)
    assert -1 < next(iter(answer["values"].values())) < 1


def test_the_value_under_a_point_of_a_chain_on_the_view_is_that_of_its_tile(scene: Scene, server: Server) -> None:
    node = scene.labelled()
    key, view = scene.engine.save(node), f"{Z}/{X - 1}/{Y - 1}/{X + 1}/{Y + 1}"
    pixels = np.load(io.BytesIO(server.tile(key, tail=f"npy?view={view}").body))
    labels = scene.engine.render(
        style_base(node), tile_grid(Z, X, Y), view=tiles_grid(Z, X - 1, Y - 1, X + 1, Y + 1)
    ).array
    assert pixels.shape[-2:] == labels.shape[-2:]
    row, col = (int(index[-1]) for index in np.nonzero(labels[0] > 1))
    bounds = mercantile.xy_bounds(X, Y, Z)
    step = (bounds.right - bounds.left) / 256
    lon, lat = mercantile.lnglat(bounds.left + (col + 0.5) * step, bounds.top - (row + 0.5) * step)
    answer = server.ask(f"chains/{key}/point?lon={lon!r}&lat={lat!r}&zoom={Z}&view={view}")
    assert list(answer.json()["values"].values()) == [labels[0, row, col]]
    refused = server.ask(f"chains/{key}/point?lon={lon!r}&lat={lat!r}&zoom={Z}&view={Z}/1/1/2/2")
    assert (refused.status, refused.json()["code"]) == (400, "ParameterInvalid")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "lon=1&lat=2",
        "lon=a&lat=2&zoom=3",
        "lon=nan&lat=2&zoom=3",
        "lon=1&lat=2&zoom=3.5",
        "lon=1&lat=2&zoom=99",
        "lon=1&lat=2&zoom=nan",
        "lon=inf&lat=2&zoom=1",
        "lon=999&lat=2&zoom=3",
        "lon=1&lat=2&zoom=3&x=1",
    ],
)
def test_a_point_that_makes_no_sense(scene: Scene, server: Server, query: str) -> None:
    answer = server.ask(f"chains/{scene.engine.save(scene.ndvi())}/point?{query}")
    assert (answer.status, answer.json()["code"]) == (400, "ParameterInvalid")


def test_the_legend_says_what_the_colours_mean(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.ndvi())
    document = server.ask(f"chains/{key}/legend.json").json()
    assert (document["type"], document["vmin"], document["vmax"]) == ("gradient", -0.5, 0.5)
    with Image.open(io.BytesIO(server.ask(f"chains/{key}/legend.png").body)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    # Left end of the bar red, right end green, as RdYlGn.
    bar = pixels[40]
    assert bar[16][0] > bar[16][1] + 50
    assert bar[-18][1] > bar[-18][0] + 50


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.2, 0.9, [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]),
        (0, 1, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-50, 50, [-40.0, -20.0, 0.0, 20.0, 40.0]),
        (0, 10000, [0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10000.0]),
        (-3.14159, 3.14159, [-2.0, 0.0, 2.0]),
        (1, 1, []),
        (float("nan"), 1, []),
    ],
)
def test_ticks_stand_at_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert legend.ticks(low, high) == expected


@pytest.mark.parametrize(("low", "high"), [(-1e-7, 3e-7), (1e8, 3e8), (-273.15, 51.3), (0.013, 0.0131)])
def test_ticks_of_any_range(low: float, high: float) -> None:
    values = legend.ticks(low, high)
    assert 2 <= len(values) <= 6
    assert all(low - 1e-12 <= value <= high + abs(high) * 1e-9 for value in values)
    assert len(set(legend.tick_labels(values))) == len(values)


@pytest.mark.parametrize(
    "document",
    [
        {"type": "none"},
        {"type": "classes", "unit": "", "entries": [{"value": 1, "label": "water " * 20, "colour": "#0000ff"}]},
        {"type": "rgb", "bands": ["B04", "B03", "B02"], "vmin": 0, "vmax": 1},
        {"type": "classes", "unit": "", "entries": []},
    ],
)
def test_every_kind_of_legend_is_drawn(document: dict[str, object]) -> None:
    with Image.open(io.BytesIO(legend.draw(document, "Land cover"))) as image:
        assert image.width == legend.WIDTH
        assert len(image.convert("RGB").getcolors(10_000) or ()) > 1


def test_operators_are_those_of_the_registry(server: Server) -> None:
    assert server.ask("operators").json() == operator_schemas()


def test_metrics_are_prometheus_text(scene: Scene, server: Server) -> None:
    server.tile(scene.engine.save(scene.ndvi()))
    server.tile("f" * 64)
    answer = server.ask("metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    assert {
        "jeoview_requests",
        "jeoview_tile_seconds",
        "jeoview_tile_memory",
        "jeoview_queue",
        "jeoview_worker_restarts",
        "jeoview_rss_bytes",
        "jeoview_errors",
    } <= set(families)
    processes = {sample.labels["process"]: sample.value for sample in families["jeoview_rss_bytes"].samples}
    assert processes["server"] > 1e7
    assert processes["worker-0"] > 1e7
    statuses = {sample.labels["status"] for sample in families["jeoview_requests"].samples}
    assert {"200", "404"} <= statuses


def test_readiness(server: Server) -> None:
    server.wait_ready(2)
    document = server.ask("readyz").json()
    assert (document["ready"], document["workers"]) == (2, 2)
    assert len(document["version"]) == 16
    log = server.log.read_text()
    assert log.count("is ready after") >= 2
    assert "warm-up failed" not in log


@pytest.fixture(scope="module")
def based(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a prefix of its own."""
    server = start_server(scene.settings, tmp_path_factory.mktemp("based"), "--workers", "1", "--base-url", "/user/ann")
    yield server
    server.stop()


def test_a_server_below_a_base_url(scene: Scene, based: Server) -> None:
    key = scene.engine.save(scene.ndvi())
    assert based.base_url == "/user/ann/"
    tile = based.tile(key)
    assert tile.status == 200
    (template,) = based.ask(f"chains/{key}/tilejson.json").json()["tiles"]
    assert template.startswith(f"http://127.0.0.1:{based.port}/user/ann/{TOKEN}/tiles/{key}/")
    # A proxy may have cut the prefix off.
    based.base_url = "/"
    assert based.tile(key).body == tile.body
    based.base_url = "/user/ben/"
    assert based.tile(key).status == 403


@pytest.mark.parametrize(
    "arguments",
    [
        ["--address", "0.0.0.0"],
        ["--workers", "0"],
        ["--port", "70000"],
        ["--base-url", "/a/../b"],
        ["--base-url", "/a b/"],
        ["--deadline", "-1"],
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str]) -> None:
    with pytest.raises(ValueError, match="--"):
        parse(arguments)


def test_another_address_needs_a_word_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse(["--address", "0.0.0.0", "--public"]).address == "0.0.0.0"
    monkeypatch.setenv("JEOVIEW_TOKEN", "short")
    with pytest.raises(ValueError, match="JEOVIEW_TOKEN"):
        parse([])


def test_a_token_nobody_gave_is_new_each_time() -> None:
    tokens = {parse([]).token for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 43 for token in tokens)


@pytest.mark.parametrize(("text", "url"), [("", "/"), ("/", "/"), ("a", "/a/"), ("/user/a@b.c/", "/user/a@b.c/")])
def test_base_urls(text: str, url: str) -> None:
    assert check_base_url(text) == url


def test_a_store_in_memory_is_refused(tmp_path: Path, scene: Scene) -> None:
    with pytest.raises(RuntimeError, match="memory:"):
        start_server(scene.settings, tmp_path, variables={"JEOVIEW_STORE": "memory:"})


def test_a_server_answers_a_view_chain_without_view_by_its_own_tile(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.labelled())
    assert server.tile(key).body == server.tile(key, tail=f"png?view={Z}/{X}/{Y}/{X}/{Y}").body
