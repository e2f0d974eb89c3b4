"""``python -m jeoview.demo.headless``: run the first notebook without a browser and keep what its map shows.

The notebook runs in a kernel of its own, as in JupyterLab. Then a cell is added that asks the tile server, over
HTTP and tile by tile, for what the map has in view, as the browser would.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from jeoview.demo.build import prepare
from jeoview.errors import JeoviewError, ParameterError, ServerError
from jeoview.grid import Grid, tiles_grid
from jeoview.projection import Bounds
from jeoview.region import region_grid

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from jeoview.session import Session
    from jeoview.widgets import Map, MapLayer
    from jeoview.widgets.view import TileBlock

NOTEBOOK = Path("notebooks") / "01-first-map.ipynb"
OUTPUT = Path("demo-output")
# How many tiles a browser asks for at the same time.
AT_ONCE = 6
CELL_SECONDS = 300
LAST_CELL = """from jeoview.demo.headless import keep
from jeoview.session import Session
keep(globals(), {output!r}, {layer!r})
Session.current().close()"""
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m jeoview.demo.headless", description=__doc__)
    parser.add_argument("--notebook", type=Path, default=NOTEBOOK)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for ndvi.png, ndvi.tif and chain.json")
    parser.add_argument("--layer", default="NDVI", help="name of the map's layer that is kept")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        prepare()
        run(options.notebook, options.output, options.layer)
    except JeoviewError as error:
        print(f"jeoview: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    print(f"{options.notebook} ran in {time.monotonic() - began:.1f} s. Its map is in {options.output}:")
    for path in sorted(options.output.iterdir()):
        print(f"  {path.name:12} {path.stat().st_size / 1024:8.0f} kB")
    return 0


def run(notebook: Path, output: Path, layer: str = "NDVI") -> None:
    """Execute a notebook, and `keep` a layer of its map.

    Parameters
    ----------
    notebook : Path
        Has a `jeoview.Map` in one of its variables. The file is not changed.
    output : Path
        Folder, made where there is none.
    layer : str
        Name of the layer.

    Raises
    ------
    ParameterError
        If there is no such notebook.
    JeoviewError
        If a cell fails; the message is the cell's.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    if not notebook.is_file():
        raise ParameterError(f"there is no notebook {notebook.name!r} in the folder {notebook.parent.name!r}")
    output.mkdir(parents=True, exist_ok=True)
    document = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    last = LAST_CELL.format(output=str(output.absolute()), layer=layer)
    document.cells.append(nbformat.v4.new_code_cell(last))  # type: ignore[no-untyped-call]
    # Beside the output, so that what the notebook itself writes to demo-output is found there too.
    place = {"metadata": {"path": str(output.absolute().parent)}}
    # A kernel warns that its channels are not encrypted: they do not leave this machine.
    quiet = ["--IPKernelApp.log_level=40"]
    client = NotebookClient(
        document, timeout=CELL_SECONDS, kernel_name="python3", resources=place, extra_arguments=quiet
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise JeoviewError(f"a cell of {notebook.name} failed: {error.ename}: {error.evalue}") from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise JeoviewError(f"{notebook.name} was stopped: {type(error).__name__}") from error


def keep(namespace: Mapping[str, Any], output: str | os.PathLike[str], layer: str = "NDVI") -> None:
    """Write what the map of a notebook shows: its tiles as one picture, its values as GeoTIFF, its chain as JSON.

    What lies outside of the layer's data is cut off.

    Parameters
    ----------
    namespace : mapping
        The notebook's variables; the first map among them is taken.
    output : path
        Folder that gets ``ndvi.png``, ``ndvi.tif`` and ``chain.json``.
    layer : str
        Name of the layer.

    Raises
    ------
    ParameterError
        If there is no map, or no such layer.
    JeoviewError
        What a tile answers.
    """
    from jeoview.describe import style_base
    from jeoview.export import to_geotiff
    from jeoview.export.picture import framed
    from jeoview.image import Image
    from jeoview.io.legend import draw
    from jeoview.operators.colour import legend
    from jeoview.session import Session
    from jeoview.widgets import Map
    from jeoview.widgets.view import block_bounds, tile_block

    folder = Path(output)
    found = next((value for value in namespace.values() if isinstance(value, Map)), None)
    if found is None:
        raise ParameterError("the notebook has no variable that holds a jeoview.Map")
    shown = found.layer(layer)
    view = tile_block(found.bounds, found.zoom)
    area = _with_data(block_bounds(view), shown.bbox)
    picture = _cut(compose(Session.current(), found, shown, view), view, region_grid(area, zoom=found.zoom))
    framed(picture, draw(legend(shown.image.node)), _title(shown)).save(folder / "ndvi.png")
    values = Image(style_base(shown.image.node))
    mine = {name: value for name, value in found.parameters.items() if name in values.parameters}
    to_geotiff(values, folder / "ndvi.tif", bounds=area, zoom=found.zoom, parameters=mine, progress=False)
    text = json.dumps(json.loads(shown.image.chain), indent=1)
    (folder / "chain.json").write_text(text + "\n", encoding="utf-8")


def _with_data(bounds: Bounds, bbox: Bounds | None) -> Bounds:
    """The part of what is seen that has data; all of it where nobody knows, or where there is none."""
    if bbox is None:
        return bounds
    west, south, east, north = (*map(max, bounds[:2], bbox[:2]), *map(min, bounds[2:], bbox[2:]))
    return (west, south, east, north) if west < east and south < north else bounds


def _cut(picture: Picture, view: TileBlock, grid: Grid) -> Picture:
    """The pixels of a grid out of the picture of a block of tiles."""
    whole = tiles_grid(*view)
    left, top = grid.col - whole.col, grid.row - whole.row
    return picture.crop((left, top, left + grid.width, top + grid.height))


def _title(layer: MapLayer) -> str:
    """Name of the layer and its collections, simulated ones called so."""
    from jeoview.engine import Engine

    return ": ".join(filter(None, (layer.name, Engine.default().credits(layer.image.node))))


def compose(session: Session, shown: Map, layer: MapLayer, view: tuple[int, int, int, int, int]) -> Picture:
    """The tiles of a layer, asked for over HTTP, side by side.

    Parameters
    ----------
    session : Session
        The way to the tile server.
    shown : Map
        Says where the sliders stand.
    layer : MapLayer
        What is shown.
    view : (zoom, west, north, east, south)
        First and last tile.
    """
    from PIL import Image as Pillow

    zoom, west, north, east, south = view
    mine = {name: value for name, value in shown.parameters.items() if name in layer.look.parameters}
    path = session.tile_path(layer.key, parameters=mine, view=view if layer.look.needs_view else None)
    places = [(x, y) for y in range(north, south + 1) for x in range(west, east + 1)]
    whole = Pillow.new("RGBA", ((east - west + 1) * 256, (south - north + 1) * 256))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tiles = pool.map(lambda place: fetch(session, path.format(z=zoom, x=place[0], y=place[1])), places)
        for (x, y), data in zip(places, tiles, strict=True):
            with Pillow.open(io.BytesIO(data)) as tile:
                whole.paste(tile.convert("RGBA"), ((x - west) * 256, (y - north) * 256))
    return whole


def fetch(session: Session, path: str) -> bytes:
    """The bytes under a path of the tile server.

    Raises
    ------
    JeoviewError
        The error that the server answered.
    """
    try:
        with _OPENER.open(session.local_url(path), timeout=CELL_SECONDS) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as answer:
        with answer:
            code = answer.code
        # Asked once more, for this reads the error that stands in the answer.
        session.get(path)
        raise ServerError(f"the tile server answered {code}") from None
    except OSError as error:
        raise ServerError("the tile server does not answer") from error


if __name__ == "__main__":
    sys.exit(main())
