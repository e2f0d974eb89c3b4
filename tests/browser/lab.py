"""JupyterLab in a real Chromium: start, open a notebook, look into its map."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import ConsoleMessage, Page, Request

from tests.conftest import ROOT, free_port

ARTEFACTS = ROOT / "test-artifacts"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TOKEN = "browser-test"
SECONDS = 60_000  # of Playwright's waits, in milliseconds

# A machine without internet: the base map does not come. The other one is ipyleaflet's own, on every page.
EXPECTED = (
    r"ERR_(NAME_NOT_RESOLVED|INTERNET_DISCONNECTED|CONNECTION|ADDRESS|TIMED_OUT|PROXY).*tile\.openstreetmap\.org",
)


def chromium() -> str | None:
    """Debian's Chromium, or another one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab; ended by its process id."""

    process: subprocess.Popen[bytes]
    port: int
    base_url: str
    folder: Path
    home: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base_url}"


@contextmanager
def running_lab(folder: Path, home: Path, base_url: str) -> Iterator[Lab]:
    """Start JupyterLab on a folder of notebooks, with a token, under a base URL."""
    port = free_port()
    private = folder.parent / f"jupyter-{port}"
    quiet = private / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    folders = {name: str(private / name) for name in ("config", "data", "runtime")}
    environment = {
        **os.environ,
        "JEOVIEW_HOME": str(home),
        "JUPYTER_CONFIG_DIR": folders["config"],
        "JUPYTER_DATA_DIR": folders["data"],
        "JUPYTER_RUNTIME_DIR": folders["runtime"],
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "IPYTHONDIR": str(private / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--ServerApp.base_url={base_url}", f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    with (private / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(process, private)
        yield Lab(process, port, base_url, folder, home)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _wait_for(process: subprocess.Popen[bytes], private: Path) -> None:
    for _ in range(600):
        if list((private / "runtime").glob("jpserver-*.json")):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start: {(private / 'log').read_text()[-2000:]}")


@dataclass(frozen=True)
class TileImage:
    """A tile as the browser holds it: address, place on the page, and pixels after decoding."""

    url: str
    shown: bool
    box: tuple[float, float, float, float]
    rgba: NDArray[np.uint8]

    @property
    def key(self) -> str:
        return self._path[0]

    @property
    def zxy(self) -> tuple[int, int, int]:
        z, x, y = (int(number) for number in self._path[1:4])
        return z, x, y

    @property
    def query(self) -> str:
        return self.url.partition("?")[2]

    @property
    def _path(self) -> list[str]:
        return self.url.partition("?")[0].removesuffix(".png").rsplit("/tiles/", 1)[1].split("/")


_TILES = """() => [...document.querySelectorAll('.jv-tiles img.leaflet-tile-loaded')].map(img => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 256;
  const context = canvas.getContext('2d'); context.drawImage(img, 0, 0);
  const bytes = context.getImageData(0, 0, 256, 256).data;
  let text = ''; for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  const box = img.getBoundingClientRect();
  return {url: img.src, shown: getComputedStyle(img).visibility !== 'hidden', pixels: btoa(text),
          box: [box.x, box.y, box.width, box.height]};
})"""

_QUIET = """() => {
  const maps = [...document.querySelectorAll('.leaflet-widgets')];
  if (!maps.length || maps.some(map => map.classList.contains('jv-busy'))) { window.jvQuietSince = null; return false; }
  const images = [...document.querySelectorAll('.jv-tiles img.leaflet-tile')];
  if (images.some(image => !image.complete)) { window.jvQuietSince = null; return false; }
  window.jvQuietSince ??= Date.now();
  return Date.now() - window.jvQuietSince > 500;
}"""

_EXECUTE = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code});
  let text = '';
  future.onIOPub = message => {
    if (message.content.name === 'stdout') text += message.content.text;
    if (message.content.traceback) text += message.content.traceback.join('\\n');
  };
  const reply = await future.done;
  return {ok: reply.content.status === 'ok', text};
}"""

_RECORD = """() => {
  window.jvFrames = []; window.jvRecording = true;
  const frame = () => {
    if (!window.jvRecording) return;
    window.jvFrames.push([...document.querySelectorAll('.jv-tiles')].map(layer => {
      const images = [...layer.querySelectorAll('img.leaflet-tile')];
      return {shown: getComputedStyle(layer).visibility !== 'hidden', url: images.length ? images[0].src : '',
              all: images.length > 0 && images.every(image => image.classList.contains('leaflet-tile-loaded'))};
    }));
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


@dataclass
class Notebook:
    """A notebook that is open in the browser."""

    page: Page
    lab: Lab
    name: str
    expected: tuple[str, ...] = EXPECTED
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def open(cls, page: Page, lab: Lab, name: str, cells: Sequence[str] | Path) -> Iterator[Notebook]:
        """Write a notebook (or copy one), open it; at the end end its kernel and look at the console."""
        notebook = cls(page, lab, name)
        path = lab.folder / f"{name}.ipynb"
        if isinstance(cells, Path):
            shutil.copy(cells, path)
        else:
            _write(path, cells)
        page.on("console", notebook._heard)
        page.on("pageerror", notebook._failed)
        page.on("request", notebook._asked)
        try:
            page.goto(f"{lab.address}doc/tree/{name}.ipynb?token={TOKEN}&reset", timeout=SECONDS)
            page.wait_for_function(_READY, timeout=SECONDS)
            yield notebook
            assert notebook.surprises == []
        finally:
            page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
            page.close()

    @property
    def surprises(self) -> list[str]:
        """Errors of the browser's console that nobody expects."""
        return [text for text in self.console if not any(re.search(known, text) for known in self.expected)]

    def expect(self, *patterns: str) -> None:
        """Errors that a test provokes."""
        self.expected = (*self.expected, *patterns)

    def run_all(self) -> None:
        """Run all cells and wait for the last one."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
        self.page.wait_for_function(_DONE, timeout=3 * SECONDS)

    def errors(self) -> list[str]:
        """Tracebacks in the outputs."""
        found: list[str] = self.page.locator(
            ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']"
        ).all_inner_texts()
        return found

    def execute(self, code: str) -> str:
        """Run code in the kernel beside the cells and return what it prints."""
        answer = self.page.evaluate(_EXECUTE, code)
        assert answer["ok"], answer["text"]
        return str(answer["text"])

    def wait_for_tiles(self) -> None:
        """Wait until no layer is busy."""
        self.page.wait_for_function(_QUIET, timeout=SECONDS, polling=50)

    def tiles(self, *, shown: bool = True) -> list[TileImage]:
        """The tiles that the map holds, those of hidden layers too if asked."""
        found = [
            TileImage(
                one["url"],
                one["shown"],
                tuple(one["box"]),
                np.frombuffer(base64.b64decode(one["pixels"]), dtype=np.uint8).reshape(256, 256, 4).transpose(2, 0, 1),
            )
            for one in self.page.evaluate(_TILES)
        ]
        return [tile for tile in found if tile.shown or not shown]

    def tile_requests(self) -> list[str]:
        """Addresses of tiles that the browser has asked for."""
        return [url for url in self.requests if "/tiles/" in url]

    def record(self) -> None:
        """Note from now on, frame by frame, which layers are seen."""
        self.page.evaluate(_RECORD)

    def frames(self) -> list[list[dict[str, Any]]]:
        """What was noted; ends it."""
        found: list[list[dict[str, Any]]] = self.page.evaluate(
            "() => { window.jvRecording = false; return window.jvFrames; }"
        )
        return found

    def screenshot(self, name: str) -> Path:
        """Keep a picture of the page for people."""
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        self.page.screenshot(path=str(path))
        return path

    def message(self) -> str:
        """Text of the message bar under the map."""
        bar = self.page.locator(".jv-message")
        return bar.first.inner_text() if bar.count() else ""

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console.append(f"{message.text} {message.location.get('url', '')}")

    def _failed(self, error: Exception) -> None:
        self.console.append(f"uncaught: {error}")

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)


_READY = """() => {
  const widget = window.jupyterapp?.shell.currentWidget;
  return widget?.sessionContext?.session?.kernel?.status === 'idle' && document.querySelector('.jp-Notebook .jp-Cell');
}"""

_DONE = """() => {
  const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')].map(prompt => prompt.textContent.trim());
  return cells.length > 0 && cells.every(text => /^\\[\\d+\\]:$/.test(text));
}"""


def _write(path: Path, cells: Sequence[str]) -> None:
    """A notebook document (nbformat 4.5) of code cells."""
    empty: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    document = {
        "cells": [{**empty, "id": f"cell-{number}", "source": cell.strip()} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document))
