"""Tiles over HTTP: the right pixels, names, caches, formats."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from rasterio.io import MemoryFile

from jeoview.grid import tile_grid, tiles_grid
from tests.service.support import Scene, Server, X, Y, Z


def _rgba(png: bytes) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGBA")).transpose(2, 0, 1)


def test_a_tile_has_the_pixels_of_the_engine(scene: Scene, server: Server) -> None:
    node = scene.ndvi()
    key = scene.engine.save(node)
    answer = server.tile(key)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    expected = scene.engine.render(node, tile_grid(Z, X, Y)).rgba()
    np.testing.assert_array_equal(_rgba(answer.body), expected)
    assert len(np.unique(expected.reshape(4, -1), axis=1).T) > 20


def test_a_palette_stays_a_palette(scene: Scene, server: Server) -> None:
    with Image.open(io.BytesIO(server.tile(scene.engine.save(scene.ndvi())).body)) as image:
        assert image.mode == "P"


def test_server_timing_names_the_steps(scene: Scene, server: Server) -> None:
    answer = server.tile(scene.engine.save(scene.ndvi()), x=X + 1)
    names = [part.strip().partition(";")[0] for part in answer.headers["server-timing"].split(",")]
    assert sorted(names) == ["compute", "encode", "load", "plan", "queue", "read", "total"]
    assert names[-1] == "total"


def test_values_come_as_npy_and_geotiff(scene: Scene, server: Server) -> None:
    image = scene.image()
    key = scene.engine.save(image.node)
    expected = scene.engine.render(image.node, tile_grid(Z, X, Y)).array
    values = np.load(io.BytesIO(server.tile(key, tail="npy").body), allow_pickle=False)
    np.testing.assert_array_equal(values, expected)
    with MemoryFile(server.tile(key, tail="tif").body) as memory, memory.open() as opened:
        np.testing.assert_array_equal(opened.read(), expected)
        assert opened.crs.to_epsg() == 3857
        np.testing.assert_allclose(opened.bounds, tile_grid(Z, X, Y).bounds, atol=1e-6)


def test_webp_shows_the_same(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.ndvi())
    png, webp = _rgba(server.tile(key).body), _rgba(server.tile(key, tail="webp").body)
    opaque = png[3] == 255
    np.testing.assert_array_equal(webp[:, opaque], png[:, opaque])


def test_values_without_colour_are_no_picture(scene: Scene, server: Server) -> None:
    answer = server.tile(scene.engine.save(scene.image().node))
    assert answer.status == 400
    assert answer.json()["code"] == "ParameterInvalid"
    assert "colormap" in answer.json()["message"]


def test_the_name_is_compared_before_any_work(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.ndvi(vmin=-0.4))
    etag = server.tile(key).headers["etag"]
    assert etag.startswith('"')
    before = server.metric('jeoview_tile_memory_total{result="hit"}'), server.metric("jeoview_tile_seconds_count")
    answer = server.tile(key, If_None_Match=f'"other", {etag}')
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == etag
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    after = server.metric('jeoview_tile_memory_total{result="hit"}'), server.metric("jeoview_tile_seconds_count")
    assert after == before


def test_the_name_differs_with_everything_that_the_bytes_depend_on(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.threshold())
    tails = ["png", "webp", "png?p.least=0.2", "png?p.least=0.3"]
    names = [server.tile(key, tail=tail).headers["etag"] for tail in tails]
    names.append(server.tile(key, x=X + 1).headers["etag"])
    assert len(set(names)) == len(names)


def test_an_unknown_key_gets_no_304(server: Server, scene: Scene) -> None:
    etag = server.tile(scene.engine.save(scene.ndvi())).headers["etag"]
    answer = server.tile("0" * 64, If_None_Match=etag)
    assert answer.status == 404
    assert answer.json()["code"] == "KeyNotFound"


def test_a_slider_at_its_default_is_the_same_tile(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.threshold())
    default = server.tile(key)
    assert server.tile(key, tail="png?p.least=0.1").headers["etag"] == default.headers["etag"]
    # The slider's step is 0.05: a value beside it is the same position.
    assert server.tile(key, tail="png?p.least=0.1001").headers["etag"] == default.headers["etag"]
    moved = server.tile(key, tail="png?p.least=0.3")
    expected = scene.engine.render(scene.threshold(), tile_grid(Z, X, Y), parameters={"least": 0.3}).rgba()
    np.testing.assert_array_equal(_rgba(moved.body), expected)
    assert not np.array_equal(_rgba(default.body), expected)


def test_the_view_is_part_of_the_name_only_where_it_matters(scene: Scene, server: Server) -> None:
    plain, labelled = scene.engine.save(scene.ndvi()), scene.engine.save(scene.labelled())
    small, large = f"png?view={Z}/{X}/{Y}/{X}/{Y}", f"png?view={Z}/{X}/{Y}/{X + 1}/{Y + 1}"
    assert server.tile(plain, tail=small).headers["etag"] == server.tile(plain, tail=large).headers["etag"]
    one, two = server.tile(labelled, tail=small), server.tile(labelled, tail=large)
    assert one.headers["etag"] != two.headers["etag"]
    view = tiles_grid(Z, X, Y, X + 1, Y + 1)
    expected = scene.engine.render(scene.labelled(), tile_grid(Z, X, Y), view=view).rgba()
    np.testing.assert_array_equal(_rgba(two.body), expected)


def test_many_who_ask_for_one_tile_share_one_flight(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.ndvi(vmin=-0.37))
    before = server.metric("jeoview_tiles_rendered_total")
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: server.tile(key), range(12)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert server.metric("jeoview_tiles_rendered_total") == before + 1


def test_head_has_the_headers_alone(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.ndvi())
    answer = server.ask(f"tiles/{key}/{Z}/{X}/{Y}.png", method="HEAD")
    assert answer.status == 200
    assert answer.body == b""
    assert answer.headers["etag"] == server.tile(key).headers["etag"]


def test_tiles_stand_in_the_memory_of_the_server(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.ndvi(vmin=-0.21))
    first = server.tile(key)
    hits = server.metric('jeoview_tile_memory_total{result="hit"}')
    second = server.tile(key)
    assert second.body == first.body
    assert server.metric('jeoview_tile_memory_total{result="hit"}') == hits + 1
    assert second.headers["server-timing"].startswith("total")
