"""One image on a map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from jeoview.errors import ParameterError
from jeoview.graph import Node, Parameter
from jeoview.image import Image
from jeoview.projection import Bounds
from jeoview.quantities import plain, short
from jeoview.widgets.legend import sources_html
from jeoview.widgets.look import Look, look_of
from jeoview.widgets.swap import Swap
from jeoview.widgets.tiles import Picture, Stage, Tiles
from jeoview.widgets.view import TileBlock

Value = bool | int | float | str


class TileSession(Protocol):
    """The way to the tile server; `jeoview.session.Session` in a notebook."""

    def publish(self, node: Node) -> str:
        """Put a chain where the server finds it; gives back its key."""

    def tile_path(self, key: str, *, parameters: Mapping[str, Any] | None, view: TileBlock | None, map_id: str) -> str:
        """Path of the tiles of a chain, with ``{z}/{x}/{y}`` in it."""

    def url(self, path: str) -> str:
        """Address of a path of the server, as the browser must use it."""

    def errors(self, key: str) -> Sequence[Mapping[str, Any]]:
        """The last errors of a chain's tiles: ``time``, ``tile`` and ``message`` of each."""

    def point(
        self,
        key: str,
        lon: float,
        lat: float,
        zoom: int,
        *,
        parameters: Mapping[str, Any] | None,
        view: TileBlock | None,
    ) -> Mapping[str, Any]:
        """The values under a place."""

    def drop(
        self, key: str, *, map_id: str, parameters: Mapping[str, Any] | None = None, keep: TileBlock | None = None
    ) -> int:
        """Say that a map does not need tiles any more that no worker has begun."""


class Owner(Protocol):
    """What a layer needs of its map."""

    @property
    def map_id(self) -> str:
        """Names the map to the server."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held while the map is changed."""

    @property
    def session(self) -> TileSession:
        """See `TileSession`."""

    @property
    def stage(self) -> Stage:
        """Where tile layers stand."""

    @property
    def parameters(self) -> Mapping[str, Value]:
        """Where the sliders stand."""

    @property
    def live(self) -> bool:
        """Whether a browser shows the map."""

    def find_server(self) -> None:
        """See that the session's server lives."""

    def view_block(self) -> TileBlock:
        """The tiles in view."""

    def arrange(self) -> None:
        """Say again what is seen."""

    def changed(self, layer: MapLayer) -> None:
        """A layer's opacity or state changed."""

    def advise(self, layer: MapLayer) -> None:
        """Say what would help with the image that a layer shows now."""

    def layers_changed(self) -> None:
        """A layer's image or visibility changed."""

    def check_parameters(self, layer: MapLayer, wanted: Mapping[str, Parameter]) -> None:
        """Refuse a parameter that another layer declares in another way."""

    def report(self, layer: MapLayer, tiles: Tiles) -> None:
        """Say what went wrong with the tiles of a layer."""

    def callback(self, source: str, function: Callable[..., None]) -> Callable[..., None]:
        """Wrap what the browser or a timer calls."""

    def guard(self, source: str, function: Callable[..., None]) -> Callable[..., None]:
        """Wrap what waits for the server."""

    def later(self, seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        """Call a function after some seconds."""


class MapLayer:
    """One image on a map, made by `Map.add`.

    Setting a property changes the map: ``layer.image = other`` shows another chain (the old picture
    stays until the new one is complete), ``layer.opacity = 0.5``, ``layer.visible = False``.
    """

    def __init__(
        self, owner: Owner, image: Image, *, name: str, opacity: float, visible: bool, sources: tuple[str, ...]
    ) -> None:
        self._owner = owner
        self._name = name
        self._sources = sources
        self._opacity = check_opacity(opacity)
        self._visible = check_visible(visible)
        self._asked = 0
        self._swap = Swap(self._make, owner.stage.put, self._drop, owner.arrange, owner.later)
        self._image, self._look, self._key = image, *self._publish(image)

    def __repr__(self) -> str:
        return f"MapLayer({self._name!r}, visible={self._visible}, opacity={self._opacity:g})"

    @property
    def name(self) -> str:
        """The name in the list and over the legend; one layer of a map has it."""
        return self._name

    @property
    def key(self) -> str:
        """Key of the chain that the map shows: the image's, or with default colours added."""
        return self._key

    @property
    def look(self) -> Look:
        """Colours, legend and parameters."""
        return self._look

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the data come from."""
        return self._sources

    @property
    def bbox(self) -> Bounds | None:
        """Where there is data: (west, south, east, north) in degrees."""
        return self._look.bbox

    @property
    def image(self) -> Image:
        """What is shown; another image may be set."""
        return self._image

    @image.setter
    def image(self, image: Image) -> None:
        with self._owner.lock:
            look, key = self._publish(image)
            self._image, self._look, self._key = image, look, key
            self._owner.advise(self)
            self._owner.layers_changed()
            self.refresh()

    @property
    def opacity(self) -> float:
        """From 0 (clear) to 1 (opaque)."""
        return self._opacity

    @opacity.setter
    def opacity(self, opacity: float) -> None:
        with self._owner.lock:
            self._opacity = check_opacity(opacity)
            for tiles in self._swap.layers:
                tiles.opacity = self._opacity
            self._owner.changed(self)

    @property
    def visible(self) -> bool:
        """Whether it is seen; a hidden layer asks for no tiles."""
        return self._visible

    @visible.setter
    def visible(self, visible: bool) -> None:
        visible = check_visible(visible)
        with self._owner.lock:
            if visible != self._visible:
                self._visible = visible
                self.refresh()
                self._owner.layers_changed()

    @property
    def busy(self) -> bool:
        """Whether tiles are on their way."""
        return any(tiles.loading or not tiles.complete for tiles in self._swap.layers)

    @property
    def swap(self) -> Swap:
        """The tile layers that take turns."""
        return self._swap

    def legend(self) -> dict[str, Any]:
        """As `jeoview.operators.colour.legend`, at the sliders' positions."""
        return self._look.legend(self._owner.parameters)

    def refresh(self, *, dragging: bool = False) -> None:
        """Show what the sliders and the view ask for now."""
        if self._visible:
            self._swap.request(self._picture(), dragging=dragging, unseen=not self._owner.live)
        else:
            self._swap.clear()
        self._owner.changed(self)

    def reload(self) -> None:
        """Ask for all tiles again, for instance after a file has come back."""
        with self._owner.lock:
            self._owner.find_server()
            self._swap.clear()
            self.refresh()

    def ask_again(self) -> None:
        """Ask once more for tiles that were not ready; what there is stays until they are all there."""
        with self._owner.lock:
            if self._visible:
                self._asked += 1
                self._swap.renew()
                self._owner.changed(self)

    def clear(self) -> None:
        """Take the tiles off the map."""
        self._swap.clear()

    def keep_only(self, view: TileBlock) -> None:
        """Tell the server that tiles outside a view are not needed any more."""
        for tiles in self._swap.layers:
            if tiles.loading:
                self._owner.session.drop(
                    tiles.picture.key, map_id=self._owner.map_id, parameters=tiles.picture.parameters, keep=view
                )

    def _publish(self, image: Image) -> tuple[Look, str]:
        look = look_of(check_image(image).node)
        self._owner.check_parameters(self, look.parameters)
        self._owner.find_server()
        return look, self._owner.session.publish(look.node)

    def _picture(self) -> Picture:
        view = self._owner.view_block() if self._look.needs_view else None
        positions = self._owner.parameters
        mine = {name: positions[name] for name in sorted(self._look.parameters)}
        session = self._owner.session
        path = session.tile_path(self._key, parameters=mine, view=view, map_id=self._owner.map_id)
        return Picture(self._key, session.url(path), mine, view)

    def _make(self, picture: Picture) -> Tiles:
        tiles = Tiles(
            picture, again=self._asked, name=self._name, opacity=self._opacity, attribution=sources_html(self._sources)
        )
        arrived = self._owner.callback(self._name, self._arrived)
        report = self._owner.guard(self._name, self._report)

        def loaded(**_: Any) -> None:
            arrived(tiles)
            report(tiles)

        tiles.on_load(loaded)
        tiles.observe(self._owner.callback(self._name, self._state_changed), "loading")
        return tiles

    def _drop(self, tiles: Tiles) -> None:
        """Off the map, and off the server's list: Jupyter's proxy does not tell it that the browser gave up."""
        unfinished = self._owner.live and (tiles.loading or not tiles.complete)
        self._owner.stage.drop(tiles)
        if unfinished:
            picture = tiles.picture
            self._owner.session.drop(picture.key, map_id=self._owner.map_id, parameters=picture.parameters)

    def _arrived(self, tiles: Tiles) -> None:
        tiles.complete = True
        self._swap.loaded(tiles)
        self._owner.changed(self)

    def _report(self, tiles: Tiles) -> None:
        if tiles is self._swap.shown:
            self._owner.report(self, tiles)

    def _state_changed(self, _: Any) -> None:
        self._owner.changed(self)


def check_image(image: object) -> Image:
    """Return an image.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    if isinstance(image, Image):
        return image
    hint = ""
    if hasattr(image, "median"):
        hint = "; a collection becomes an image with .median(), .mosaic() or the like"
    raise ParameterError(f"the map shows a jeoview Image; got a {type(image).__name__}{hint}")


def check_opacity(value: object) -> float:
    """Return an opacity.

    Raises
    ------
    ParameterError
        If it is no number from 0 to 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ParameterError(f"opacity is {value!r}; expected a number from 0 to 1")
    return float(value)


def check_visible(visible: object) -> bool:
    """Return whether a layer is to be seen.

    Raises
    ------
    ParameterError
        If it is neither True nor False.
    """
    value = plain(visible)
    if not isinstance(value, bool):
        raise ParameterError(f"visible is {short(visible)}; expected True or False")
    return value
