"""What a worker does with an engine, one function a request; no HTTP and no process is known here."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jeoview import chain
from jeoview.describe import describe, style_base
from jeoview.engine import Engine
from jeoview.graph import Node, parameters, walk
from jeoview.grid import Grid, tile_grid, tiles_grid
from jeoview.io import encode, legend
from jeoview.make import bind
from jeoview.operator import Mode, find
from jeoview.operators.colour import legend as legend_of
from jeoview.planner import needs_view
from tileserver.frames import Header

Reply = tuple[Header, bytes]
CONTENT_TYPES = {
    "png": "image/png",
    "webp": "image/webp",
    "npy": "application/x-npy",
    "tif": "image/tiff; application=geotiff",
}


class Clock:
    """Milliseconds by step of one request, as ``Server-Timing`` shows them."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.times[name] = self.times.get(name, 0.0) + (time.perf_counter() - start) * 1e3


# What a tile waits for a whole area; what takes longer is computed on, and the worker is free meanwhile.
PATIENCE_SECONDS = 1.5


class Work:
    """The requests that a worker understands.

    Parameters
    ----------
    engine : Engine
        Computes.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def do(self, header: Header, body: bytes) -> Reply:
        """Do what a message asks.

        Raises
        ------
        JeoviewError
            Whatever the engine says.
        """
        return _OPERATIONS[header["op"]](self, header, body)

    def tile(self, header: Header, _: bytes) -> Reply:
        """Render and encode one tile."""
        clock = Clock()
        with clock.step("load"):
            node = self.engine.load(header["key"])
        grid = tile_grid(header["z"], header["x"], header["y"])
        view = _view(header["view"])
        raster = self.engine.render(
            node, grid, parameters=header["values"], view=view, times=clock.times, patience=PATIENCE_SECONDS
        )
        with clock.step("encode"):
            data = encode.encode(raster, header["format"])
        return {"type": CONTENT_TYPES[header["format"]], "times": clock.times}, data

    def describe(self, header: Header, _: bytes) -> Reply:
        """What the server must know of a chain to answer for it: nothing is read."""
        return self._description(self.engine.load(header["key"])), b""

    def save(self, header: Header, body: bytes) -> Reply:
        """Verify the text of a chain and store it."""
        node = chain.decode(body, header["key"])
        self.engine.save(node)
        return self._description(node), b""

    def text(self, header: Header, _: bytes) -> Reply:
        """The canonical text of a chain."""
        return {}, chain.encode(self.engine.load(header["key"])).encode()

    def point(self, header: Header, _: bytes) -> Reply:
        """The values under a place."""
        node = self.engine.load(header["key"])
        view = _view(header["view"])
        place = self.engine.point(
            node,
            header["lon"],
            header["lat"],
            header["zoom"],
            parameters=header["values"],
            view=view,
            patience=PATIENCE_SECONDS,
        )
        return {}, json.dumps(place, allow_nan=False).encode()

    def legend(self, header: Header, _: bytes) -> Reply:
        """What the colours of a chain mean, as JSON."""
        return {}, json.dumps(self._legend(header)).encode()

    def legend_png(self, header: Header, _: bytes) -> Reply:
        """The same as a picture."""
        return {}, legend.draw(self._legend(header))

    def operators(self, _: Header, __: bytes) -> Reply:
        """Help text and JSON Schema of every operator."""
        return {}, json.dumps(chain.operator_schemas(), sort_keys=True).encode()

    def _legend(self, header: Header) -> dict[str, Any]:
        return legend_of(bind(self.engine.load(header["key"]), header["values"]))

    def _description(self, node: Node) -> Header:
        base, schema = style_base(node), describe(node)
        areas = [part for part in walk(node) if find(part.operator).mode is Mode.FULL]
        fits = [part for part in walk(node) if find(part.operator).mode is Mode.FIT]
        area = next(iter(areas + fits), None)
        return {
            "key": node.key,
            "array": base.key,
            "parameters": [_declaration(used.declaration()) for used in parameters(node).values()],
            "view": needs_view(node),
            "full": bool(areas),
            "area": area.key if area else "",
            "steers": sorted(parameters(area)) if area else [],
            "kind": schema.kind.value,
            "bands": list(describe(base).bands),
            "unit": describe(base).unit,
            "bbox": list(schema.bbox) if schema.bbox else None,
            "name": _name(node),
            "attribution": self.engine.credits(node),
        }


def _view(corners: list[int] | None) -> Grid | None:
    return tiles_grid(*corners) if corners else None


def _declaration(declared: Mapping[str, Any]) -> dict[str, Any]:
    schema = {name: list(value) if isinstance(value, tuple) else value for name, value in declared["schema"].items()}
    return {**declared, "schema": schema}


def _name(node: Node) -> str:
    """The steps of the trunk of a chain, the last one first."""
    steps: list[str] = []
    here = node
    while here.children and len(steps) < 4:
        steps.append(here.operator)
        here = here.children[0]
    return " of ".join([*steps, here.operator] if len(steps) < 4 else steps)


_OPERATIONS: dict[str, Callable[[Work, Header, bytes], Reply]] = {
    "tile": Work.tile,
    "describe": Work.describe,
    "save": Work.save,
    "text": Work.text,
    "point": Work.point,
    "legend": Work.legend,
    "legend_png": Work.legend_png,
    "operators": Work.operators,
}


def engine_of(name: str) -> Engine:
    """The engine that ``module:attribute`` makes; the name comes from the server's command line, never from a request."""
    module, _, path = name.partition(":")
    made: Any = importlib.import_module(module)
    for part in path.split("."):
        made = getattr(made, part)
    engine: Engine = made()
    return engine
