"""What happens on a map: layers come and go, sliders and views move, tiles arrive or fail."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from jeoview.collection.stack import caching_hint
from jeoview.errors import ParameterError, PendingError, ServerError, choices
from jeoview.graph import Parameter
from jeoview.session import Session
from jeoview.widgets.frame import Frame
from jeoview.widgets.layers import MapLayer, TileSession, Value
from jeoview.widgets.legend import legend_html, legends_html
from jeoview.widgets.messages import Messages
from jeoview.widgets.panel import Panel, Row
from jeoview.widgets.sliders import Sliders, check_same
from jeoview.widgets.swap import timer
from jeoview.widgets.tiles import Stage, Tiles
from jeoview.widgets.view import TileBlock
from jeoview.widgets.window import Window

REVIVE = 30.0  # seconds
ASK_AGAIN = 2.0  # seconds, after which a tile that is computed on is asked for once more
SETTLE = 0.3  # seconds without a move, after which a view counts as the one that is wanted

LayerName = str | MapLayer


class Scene:
    """The state of a map (`jeoview.widgets.layers.Owner`); `jeoview.Map` is its public face.

    Parameters
    ----------
    window : Window
        Where the map looks.
    basemap : str
        Name of the base map.
    session : TileSession, optional
        The way to the tile server; found or started when it is first needed where none is given.
    """

    def __init__(self, window: Window, basemap: str, session: TileSession | None) -> None:
        # A slider moves in one thread (a subshell of the kernel) while a cell runs in another.
        self.lock = threading.RLock()
        self.map_id = uuid.uuid4().hex[:16]
        self.window = window
        self.layers: list[MapLayer] = []
        self.messages = Messages()
        self.stage = Stage(window.widget)
        self.sliders = Sliders(self.callback("slider", self._slider_moved))
        self._panel = Panel(self._row)
        self.frame = Frame(
            window.widget,
            [("", self.sliders.widget), ("Layers", self._panel.widget)],
            [self.stage.sheet, self.messages.widget],
            basemap,
            self.callback("base map", lambda change: window.set_basemap(change["new"])),
        )
        self._session = session
        self._fixed_session = session is not None
        self._revived = -math.inf
        self._settling: Callable[[], None] | None = None
        window.on_move(self.callback("view", self._moved))

    @property
    def session(self) -> TileSession:
        """The way to the tile server.

        Raises
        ------
        ServerError
            If it cannot be started.
        """
        if self._session is None:
            self.find_server()
        assert self._session is not None
        return self._session

    def find_server(self) -> None:
        """See that the session's server lives; start it where it does not.

        Raises
        ------
        ServerError
            If it cannot be started.
        """
        if not self._fixed_session:
            self._session = Session.current()

    @property
    def parameters(self) -> Mapping[str, Value]:
        """Where the sliders stand."""
        return self.sliders.values

    @property
    def live(self) -> bool:
        """Whether a browser has shown the map."""
        return self.window.live

    def view_block(self) -> TileBlock:
        """The tiles in view: zoom, west, north, east, south."""
        return self.window.block

    # ------------------------------------------------------------ layers

    def find(self, name: LayerName) -> MapLayer:
        """The layer of a name.

        Raises
        ------
        ParameterError
            If there is none.
        """
        for layer in self.layers:
            if layer is name or (isinstance(name, str) and layer.name == name):
                return layer
        text = name.name if isinstance(name, MapLayer) else str(name)
        raise ParameterError(f"the map has no layer {text!r}; {choices(text, [layer.name for layer in self.layers])}")

    def add(self, layer: MapLayer) -> None:
        """Put a layer on top."""
        self.layers.append(layer)
        self.advise(layer)
        self.layers_changed()
        layer.refresh()
        self.changed(layer)

    def remove(self, layer: MapLayer) -> None:
        """Take a layer away, and what is said about it."""
        self.layers.remove(layer)
        layer.clear()
        self.messages.forget(layer.name)
        self.layers_changed()

    def move(self, layer: MapLayer, index: int) -> None:
        """Put a layer at a position from the bottom; beyond the ends is at the end."""
        self.layers.remove(layer)
        self.layers.insert(max(index, 0), layer)
        self.layers_changed()

    # ------------------------------------------------------------ what layers call (layers.Owner)

    def arrange(self) -> None:
        """Say again which tile layers are seen, and in which order."""
        self.stage.arrange([(layer.swap.shown, layer.swap.waiting) for layer in self.layers])

    def changed(self, layer: MapLayer) -> None:
        """Show a layer's state in the list, and whether the map is busy."""
        self._panel.update(layer, failed=self.messages.about(layer.name))
        self.frame.busy(any(layer.busy for layer in self.layers))

    def advise(self, layer: MapLayer) -> None:
        """Say what would help with the image that a layer shows now; what was said of the one before goes."""
        self.messages.advise(layer.name, caching_hint(layer.image))

    def layers_changed(self) -> None:
        """Show again what depends on which layers there are, in which order, and what they show."""
        self.sliders.keep([used for layer in self.layers for used in layer.look.parameters.values()])
        self._panel.show(self.layers)
        self.arrange()
        self._show_legends()
        self.frame.busy(any(layer.busy for layer in self.layers))

    def check_parameters(self, layer: MapLayer, wanted: Mapping[str, Parameter]) -> None:
        """Refuse a parameter that another layer declares in another way.

        Raises
        ------
        ParameterError
            Which names it.
        """
        others = [used for other in self.layers if other is not layer for used in other.look.parameters.values()]
        check_same([*others, *wanted.values()])

    def report(self, layer: MapLayer, tiles: Tiles) -> None:
        """Ask the server what went wrong with a layer's tiles in view, and say it under the map."""
        try:
            errors = self.session.errors(tiles.picture.key)
        except ServerError:
            self._revive(layer)
            return
        view, since = self.view_block(), tiles.since
        seen = [error for error in errors if error["time"] >= since and _in_view(error["tile"], view)]
        texts = [str(error["message"]) for error in seen if error["code"] != PendingError.code]
        pending = [str(error["message"]) for error in seen if error["code"] == PendingError.code]
        with self.lock:
            if layer in self.layers:
                self.messages.say((layer.name, "tiles"), texts)
                self.messages.advise(layer.name, pending[-1].partition(";")[0] if pending else "", about="work")
                if pending:
                    self.later(ASK_AGAIN, layer.ask_again)
                self.changed(layer)

    def callback(self, source: str, function: Callable[..., None]) -> Callable[..., None]:
        """Wrap what the browser or a timer calls: one at a time, and nothing that it raises is lost."""

        @wraps(function)
        def locked(*arguments: Any, **options: Any) -> None:
            with self.lock:
                function(*arguments, **options)

        return self.messages.guard(source, locked)

    def guard(self, source: str, function: Callable[..., None]) -> Callable[..., None]:
        """`callback` for what waits for the server: it must not hold up the notebook."""
        return self.messages.guard(source, function)

    def later(self, seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        """Call a function after some seconds (`jeoview.widgets.swap.Later`)."""
        return timer(seconds, self.callback("timer", function))

    # ------------------------------------------------------------ what the browser calls

    def _row(self, layer: MapLayer) -> Row:
        return Row(layer, self.callback, self._up, self._down, self._zoom_to)

    def _up(self, layer: MapLayer) -> None:
        self.move(layer, self.layers.index(layer) + 1)

    def _down(self, layer: MapLayer) -> None:
        self.move(layer, self.layers.index(layer) - 1)

    def _zoom_to(self, layer: MapLayer) -> None:
        if layer.bbox is not None:
            self.window.fit(layer.bbox)

    def _slider_moved(self, name: str) -> None:
        for layer in self.layers:
            if name in layer.look.parameters:
                layer.refresh(dragging=True)
                self.changed(layer)
        self._show_legends()

    def _moved(self, _: Any) -> None:
        for layer in self.layers:
            if layer.look.needs_view:
                layer.refresh()
        if self._settling is not None:
            self._settling()
        self._settling = self.later(SETTLE, self._settled)

    def _revive(self, layer: MapLayer) -> None:
        """Start a server that went away, and ask it again; one that goes away again at once is left to the user."""
        now = time.monotonic()
        if now - self._revived < REVIVE:
            raise ServerError("the tile server went away; press the layer's button to load its tiles again")
        self._revived = now
        layer.reload()

    def _settled(self) -> None:
        self._settling = None
        for layer in self.layers:
            layer.keep_only(self.view_block())

    def _show_legends(self) -> None:
        seen = [layer for layer in reversed(self.layers) if layer.visible]
        parts = [legend_html(layer.name, layer.legend(), layer.look.note) for layer in seen]
        self.frame.legend(legends_html(parts, [source for layer in seen for source in layer.sources]))


def _in_view(tile: str, view: TileBlock) -> bool:
    z, x, y = (int(number) for number in tile.split("/"))
    return z == view[0] and view[1] <= x <= view[3] and view[2] <= y <= view[4]
