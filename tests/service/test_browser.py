"""What a browser shows of a tile that failed: the message, drawn, though the status is an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.support import TOKEN, Scene, Server, X, Y, Z
from tileserver import picture

pytestmark = pytest.mark.browser

# Loads a picture as a map does and tells its size, its transparency and how much of it is dark.
_LOAD = """
async (url) => {
  const image = new Image();
  image.crossOrigin = "anonymous";
  const loaded = new Promise((yes, no) => { image.onload = () => yes("load"); image.onerror = () => yes("error"); });
  image.src = url;
  document.body.append(image);
  const event = await loaded;
  if (event === "error") return {event};
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 256;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, 256, 256).data;
  let dark = 0, clear = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] === 0) clear++;
    else if (pixels[i + 3] > 200 && pixels[i] + pixels[i + 1] + pixels[i + 2] < 300) dark++;
  }
  return {event, width: image.naturalWidth, height: image.naturalHeight, dark, clear};
}
"""


@pytest.fixture(scope="module")
def page(chrome: Any) -> Iterator[Any]:
    """An empty page of another origin."""
    opened = chrome.new_page()
    yield opened
    opened.close()


def _url(server: Server, key: str, x: int = X) -> str:
    return f"http://127.0.0.1:{server.port}/{TOKEN}/tiles/{key}/{Z}/{x}/{Y}.png"


def test_a_tile_is_shown(scene: Scene, server: Server, page: Any) -> None:
    shown = page.evaluate(_LOAD, _url(server, scene.engine.save(scene.ndvi())))
    assert (shown["event"], shown["width"], shown["height"], shown["clear"]) == ("load", 256, 256, 0)


def test_the_error_of_a_tile_is_shown(scene: Scene, server: Server, page: Any) -> None:
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    key = scene.engine.save(scene.image().node)
    # A tile that says it in words, and one of those that name it.
    assert picture.has_words(X + 2, Y)
    assert not picture.has_words(X, Y)
    words, name = (page.evaluate(_LOAD, _url(server, key, x)) for x in (X + 2, X))
    assert statuses[-2:] == [400, 400]
    for shown in (words, name):
        assert (shown["event"], shown["width"], shown["height"]) == ("load", 256, 256)
        assert shown["clear"] > 5000
    assert words["dark"] > 300
    assert 50 < name["dark"] < words["dark"] / 2


def test_a_script_reads_the_error_of_a_tile(server: Server, page: Any) -> None:
    script = "async (url) => (await fetch(url)).headers.get('X-Jeoview-Error')"
    error = json.loads(page.evaluate(script, _url(server, "0" * 64)))
    assert error["code"] == "KeyNotFound"


def test_a_browser_asks_once_for_a_tile(scene: Scene, server: Server, page: Any) -> None:
    url = _url(server, scene.engine.save(scene.ndvi(vmin=-0.33)))
    before = server.metric('jeoview_requests_total{handler="tile"')
    for _ in range(3):
        assert page.evaluate(_LOAD, url)["event"] == "load"
    assert server.metric('jeoview_requests_total{handler="tile"') == before + 1
