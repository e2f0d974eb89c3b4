"""Errors: one object, a status, a picture for images, a list for the notebook; never a path."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageFont

from jeoview import errors
from tests.service.support import Scene, Server, Z
from tileserver import picture
from tileserver.failures import STATUS, Failure, failure_of, without_paths

BROWSER_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def test_every_error_of_jeoview_has_a_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.JeoviewError)]
    assert len(kinds) > 10
    assert {kind.code for kind in kinds} <= set(STATUS)
    assert all(400 <= status < 600 for status in STATUS.values())


def test_what_was_not_foreseen_is_told_by_an_id_alone(caplog: pytest.LogCaptureFixture) -> None:
    failure = failure_of(ZeroDivisionError("secret of /home/ann/x.tif"))
    assert (failure.status, failure.code) == (500, "Internal")
    assert "secret" not in failure.message
    assert failure.identifier in failure.message
    assert failure.identifier in caplog.text
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("cannot open /home/ann/secret/a.tif: gone", "cannot open (file) gone"),
        ("file '/data/x/y.tif' is short", "file '(file)' is short"),
        ("look at ~/x/y.tif", "look at (file)"),
        ("tile 3/4/5 of EPSG:3857 in m/s and https://openeo.example/a/b", None),
        ("1/2 of a km/h", None),
    ],
)
def test_paths_are_struck_out(message: str, told: str | None) -> None:
    assert without_paths(message) == (message if told is None else told)


def test_an_error_is_openeos_object(scene: Scene, server: Server) -> None:
    answer = server.tile("f" * 64)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert set(document) == {"code", "message", "links"}
    assert document["code"] == "KeyNotFound"
    assert document["links"] == []
    assert json.loads(answer.headers["x-jeoview-error"]) == document
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("tail", "accept", "is_picture"),
    [
        ("png", BROWSER_IMAGE, True),
        ("png", "*/*", False),
        ("png", "application/json, image/png", False),
        ("png?errors=image", "*/*", True),
        ("png?errors=json", BROWSER_IMAGE, False),
    ],
)
def test_an_image_gets_its_error_as_a_picture(server: Server, tail: str, accept: str, is_picture: bool) -> None:
    answer = server.tile("f" * 64, tail=tail, Accept=accept)
    assert answer.status == 404
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert json.loads(answer.headers["x-jeoview-error"])["code"] == "KeyNotFound"
    if is_picture:
        assert answer.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(answer.body)) as image:
            assert image.size == (256, 256)
    else:
        assert answer.json()["code"] == "KeyNotFound"


def test_few_tiles_of_a_map_say_an_error_in_words_and_a_page_always_does(server: Server) -> None:
    def pictures(accept: str) -> list[bytes]:
        tiles = [(x, y) for x in range(4300, 4303) for y in range(2900, 2902)]
        return [server.tile("f" * 64, x=x, y=y, Accept=accept).body for x, y in tiles]

    on_map, alone = pictures(BROWSER_IMAGE), pictures("text/html,image/png,*/*;q=0.8")
    words, brief = alone[0], min(on_map, key=len)
    assert sorted(on_map, key=len) == [brief] * 5 + [words]
    assert alone == [words] * 6
    assert words == picture.draw(Failure("KeyNotFound", server.tile("f" * 64).json()["message"]))


def test_the_hatch_goes_on_in_the_next_tile() -> None:
    with Image.open(io.BytesIO(picture.draw(Failure("Internal", ""), brief=True))) as image:
        alpha = np.asarray(image)[..., 3] > 0
    bare = alpha[:100, :100]
    assert 0 < bare.mean() < 0.1
    np.testing.assert_array_equal(bare, (np.subtract.outer(np.arange(100), np.arange(100)) % 16) == 0)
    np.testing.assert_array_equal(
        alpha[-1, :-1], alpha[0, 1:]
    )  # along the diagonal into the row below, as 256 = 16 x 16
    assert (alpha[118:138, 100:156]).all()


def test_the_picture_is_legible_on_black_and_on_white() -> None:
    with Image.open(io.BytesIO(picture.draw(Failure("SourceUnreadable", "scene S2A is gone " * 3)))) as image:
        pixels = np.asarray(image.convert("RGBA")).astype(float)
    alpha = pixels[..., 3:] / 255
    for ground in (0.0, 255.0):
        shown = (pixels[..., :3] * alpha + ground * (1 - alpha)).mean(-1)
        panel = shown[6:40, 6:250]
        # Ink and paper stay far apart whatever lies below.
        assert np.percentile(panel, 90) - panel.min() > 140
    # The map shines through the panel, and is free where there is no text.
    assert 0 < alpha[10, 128, 0] < 1
    assert alpha[250, 128, 0] == 0


@pytest.mark.parametrize("message", ["word " * 200, "x" * 900, "", "a\nb\tc", "Überlänge – größer als erlaubt"])
def test_any_message_fits(message: str) -> None:
    font = ImageFont.load_default(13)
    lines = picture.wrap(message, font, 232, 11)
    assert len(lines) <= 11
    assert all(font.getlength(line) <= 232 for line in lines)
    with Image.open(io.BytesIO(picture.draw(Failure("Internal", message)))) as image:
        image.load()


def test_all_words_of_a_message_are_drawn_in_order() -> None:
    message = "the neighbourhoods of this chain add up to 900 pixels; the limit is 512"
    assert " ".join(picture.wrap(message, ImageFont.load_default(13), 232, 11)) == message


def test_the_errors_of_a_chain_are_kept_for_the_notebook(scene: Scene, server: Server) -> None:
    key = scene.engine.save(scene.image().node)
    for x in range(4300, 4330):
        server.tile(key, x=x)
    kept = server.ask(f"chains/{key}/errors").json()["errors"]
    assert len(kept) == 20
    assert [entry["tile"] for entry in kept] == [f"{Z}/{x}/2900" for x in range(4310, 4330)]
    assert {entry["code"] for entry in kept} == {"ParameterInvalid"}
    assert all("colormap" in entry["message"] and entry["time"] > 1.7e9 for entry in kept)


def test_a_chain_without_errors_has_none(server: Server) -> None:
    assert server.ask(f"chains/{'9' * 64}/errors").json() == {"errors": []}
