"""The map of a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jeoview.collection import SlcCollection
from jeoview.engine import Engine
from jeoview.errors import ParameterError, choices
from jeoview.image import Image
from jeoview.operators.velocity import HARMONICS
from jeoview.projection import Bounds
from jeoview.quantities import short
from jeoview.region import check_bounds
from jeoview.widgets.basemaps import check_basemap
from jeoview.widgets.inspector import Inspector
from jeoview.widgets.layers import MapLayer, TileSession, Value, check_image
from jeoview.widgets.matrix import CoherenceMatrix
from jeoview.widgets.reference import ReferencePoint, Show
from jeoview.widgets.reference_words import Stack
from jeoview.widgets.scene import LayerName, Scene
from jeoview.widgets.tools import Tools
from jeoview.widgets.view import ASSUMED_HEIGHT
from jeoview.widgets.window import Window


class Map:
    """A map on which images are computed as one looks at them.

    Parameters
    ----------
    center : (lat, lon), optional
        Degrees, in the order of ipyleaflet and folium. Without it the first layer is brought into view.
    zoom : int, optional
        0 (the world) to 24.
    basemap : str
        ``"osm"``, ``"light"``, ``"dark"``, ``"topo"``, ``"satellite"`` or ``"none"``. Without internet it
        is a plain background.
    height : int
        Pixels.
    session : TileSession, optional
        The way to the tile server; found or started at the first `add` where none is given.

    Raises
    ------
    ParameterError
        If a value makes no sense.

    Examples
    --------
    >>> m = jv.Map()                                                                # doctest: +SKIP
    >>> m.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")            # doctest: +SKIP
    """

    def __init__(
        self,
        center: Sequence[float] | None = None,
        zoom: int | None = None,
        basemap: str = "osm",
        *,
        height: int = ASSUMED_HEIGHT,
        session: TileSession | None = None,
    ) -> None:
        # Once the user has said where to look, no layer moves the map by itself.
        self._placed = center is not None or zoom is not None
        self._window = Window(center, zoom, check_basemap(basemap), height)
        self._scene = Scene(self._window, basemap, session)
        self._tools = Tools(self._scene, self, self._look_at)

    @property
    def widget(self) -> Any:
        """The ipywidgets box, to be put into a layout of one's own."""
        return self._scene.frame.widget

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = self.widget._repr_mimebundle_(**options)
        # What is left where no widget can be shown: a printed page, a pull request.
        return bundle | {"text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<jeoview.Map {[layer.name for layer in self.layers]} zoom {self.zoom}>"

    # ------------------------------------------------------------ layers

    def add(
        self,
        image: Image,
        name: str | None = None,
        opacity: float = 1.0,
        visible: bool = True,
        attribution: str | None = None,
    ) -> MapLayer:
        """Show an image, on top of the others.

        An image that does not end in colour is shown in true colour where it has red, green and blue bands, else in
        grey, and the legend says so. A name that is on the map already gets the new image in its place; the old
        picture stays until the new one is complete.

        Parameters
        ----------
        image : Image
            One image; a collection becomes one by ``.median()``, ``.mosaic()`` and the like.
        name : str, optional
            ``Layer 1`` and so on by default.
        opacity : float
            0 (clear) to 1 (opaque).
        visible : bool
            A layer that is not seen asks for no tiles.
        attribution : str, optional
            Shown in the corner of the map; the collection's own by default.

        Raises
        ------
        ParameterError
            If it is no image, or a slider parameter is declared in another way by another layer.
        ServerError
            If the tile server cannot be started.
        """
        scene = self._scene
        with scene.lock:
            chosen = self._free_name() if name is None else check_name(name)
            known = next((layer for layer in self.layers if layer.name == chosen), None)
            if known is not None:
                return _replace(known, image, opacity, visible, failed=scene.messages.about(chosen))
            if attribution is not None and not isinstance(attribution, str):
                raise ParameterError(f"attribution is {attribution!r}; expected text")
            sources = Engine.default().sources(check_image(image).node) if attribution is None else (attribution,)
            layer = MapLayer(scene, image, name=chosen, opacity=opacity, visible=visible, sources=sources)
            if layer.bbox is not None:
                self._look_at(layer.bbox)
            scene.add(layer)
            return layer

    def remove(self, layer: LayerName) -> None:
        """Take a layer off the map.

        Raises
        ------
        ParameterError
            If there is none of that name.
        """
        with self._scene.lock:
            self._scene.remove(self.layer(layer))

    def clear(self) -> None:
        """Take all layers off the map, and inspectors and other tools; one alone goes by its own ``close()``."""
        for layer in self.layers:
            self.remove(layer)
        self._tools.clear()

    @property
    def layers(self) -> tuple[MapLayer, ...]:
        """The layers from the bottom to the top."""
        return tuple(self._scene.layers)

    def layer(self, name: LayerName) -> MapLayer:
        """The layer of a name.

        Raises
        ------
        ParameterError
            If there is none.
        """
        return self._scene.find(name)

    def move(self, layer: LayerName, position: int) -> None:
        """Put a layer at a position of `layers`: 0 is the bottom, -1 the top."""
        if isinstance(position, bool) or not isinstance(position, int):
            raise ParameterError(f"position is {position!r}; expected a whole number, 0 for the bottom, -1 for the top")
        with self._scene.lock:
            self._scene.move(self.layer(layer), position if position >= 0 else len(self.layers) + position)

    def bring_to_front(self, layer: LayerName) -> None:
        """Put a layer on top."""
        self.move(layer, -1)

    def send_to_back(self, layer: LayerName) -> None:
        """Put a layer below all others."""
        self.move(layer, 0)

    # ------------------------------------------------------------ view

    @property
    def bounds(self) -> Bounds:
        """What is seen: (west, south, east, north) in degrees of EPSG:4326."""
        return self._window.bounds

    @property
    def center(self) -> tuple[float, float]:
        """(lat, lon) in degrees; may be set."""
        return self._window.center

    @center.setter
    def center(self, center: Sequence[float]) -> None:
        self._placed = True
        self._window.go(center)

    @property
    def zoom(self) -> int:
        """Web Mercator zoom; may be set."""
        return self._window.zoom

    @zoom.setter
    def zoom(self, zoom: int) -> None:
        self._placed = True
        self._window.go(zoom=zoom)

    def fit(self, area: Bounds | Image | LayerName) -> None:
        """Bring bounds, an image or a layer into view.

        Raises
        ------
        ParameterError
            If the bounds make no sense, or the image does not say where it has data.
        """
        if isinstance(area, Image):
            bounds = area.bbox
        elif isinstance(area, (str, MapLayer)):
            bounds = self.layer(area).bbox
        else:
            bounds = check_bounds(area)
        if bounds is None:
            raise ParameterError("the image does not say where it has data; give bounds (west, south, east, north)")
        self._placed = True
        self._window.fit(bounds)

    @property
    def basemap(self) -> str:
        """Name of the base map; may be set."""
        return str(self._scene.frame.basemap.value)

    @basemap.setter
    def basemap(self, name: str) -> None:
        self._scene.frame.basemap.value = check_basemap(name)

    # ------------------------------------------------------------ sliders

    @property
    def parameters(self) -> dict[str, Value]:
        """Where the sliders stand; exports take it as ``parameters=m.parameters``."""
        return dict(self._scene.parameters)

    def set_parameter(self, name: str, value: Value) -> None:
        """Move a slider.

        Raises
        ------
        ParameterError
            If no layer has such a parameter, or the value does not fit.
        """
        self._scene.sliders.set(name, value)

    def add_inspector(self, image: Image | None = None, name: str = "Values", *, model: str | None = None) -> Inspector:
        """Show values where the map is clicked: a table, or a chart over time; unfolded, those of every step of the chain.

        A series of ground motion, or of two years and more, gets a fitted curve; its model is said, with the rate and its
        standard error. Its values can be taken away as CSV.

        Parameters
        ----------
        image : Image, optional
            Bands, or a series such as a displacement; it need not be a layer. Without it the layers that are seen are
            asked, the topmost first.
        name : str
            Heading; an inspector of the same name is replaced.
        model : {"linear", "annual", "semiannual"}, optional
            What is fitted to a series, as in `velocity`. By default that of the map's layers where they show the velocity
            of this very series (with its degree, steps and weights), so that the rates are the same; else a line.

        Raises
        ------
        ParameterError
            If it is no image, or there is no such model.
        """
        if model is not None and model not in HARMONICS:
            raise ParameterError(f"add_inspector: model is {short(model)}; {choices(str(model), HARMONICS)}")
        return self._tools.inspector(None if image is None else check_image(image), check_name(name), model)

    def add_reference(self, stack: Stack, show: Show, name: str = "Ground motion") -> ReferencePoint:
        """Show what is made from a stack, and choose its reference point with a click.

        The button *Choose reference* beside the map takes the clicks: a click, or the mark dragged to another place, makes
        ``stack.reference(lon, lat)``; what `show` gives of it takes the place of what is seen, which stays until the new
        tiles are there. An inspector of an image that was made from the stack follows. A place outside of the stack, or
        without data, is said under the map and changes nothing.

        Parameters
        ----------
        stack : InterferogramCollection or SlcCollection
            Where it has no reference yet, nothing is shown before the first click.
        show : function
            Gives what is shown of the stack with a reference: an image, or images by the names of their layers. Sliders
            are declared outside of it.
        name : str
            Heading, and name of the layer where `show` gives one image; a reference of the same name is replaced.

        Returns
        -------
        ReferencePoint
            ``stack`` is the stack with the reference that is chosen now; ``choose(lon, lat)`` does what a click does.

        Raises
        ------
        ParameterError
            If it is no stack, or `show` is no function or gives no image.

        Examples
        --------
        >>> m.add_reference(stack, lambda stack: stack.invert().velocity()["velocity"])          # doctest: +SKIP
        """
        return self._tools.reference(stack, show, check_name(name))

    def add_coherence_matrix(
        self, slc: SlcCollection, window: tuple[int, int] = (7, 25), name: str = "Coherence matrix"
    ) -> CoherenceMatrix:
        """Show below the map, where it is clicked, the coherence of every two dates of a complex stack.

        Parameters
        ----------
        slc : SlcCollection
            What is asked.
        window : (int, int)
            Lines and samples of the sensor around the place, each from 1 to 201.
        name : str
            Heading; a matrix of the same name is replaced.

        Raises
        ------
        ParameterError
            If it is no such stack, or the window makes no sense.
        """
        return self._tools.matrix(slc, window, check_name(name))

    @property
    def messages(self) -> tuple[str, ...]:
        """What stands in the message bar under the map."""
        return self._scene.messages.texts

    def _look_at(self, bounds: Bounds) -> None:
        """Bring the first thing that is shown into view."""
        if not self._placed:
            self.fit(bounds)

    def _free_name(self) -> str:
        names = {layer.name for layer in self.layers}
        return next(name for name in (f"Layer {n}" for n in range(1, len(names) + 2)) if name not in names)


def _replace(layer: MapLayer, image: Image, opacity: float, visible: bool, *, failed: bool) -> MapLayer:
    layer.image = image
    layer.opacity, layer.visible = opacity, visible
    if failed:
        # The cell was run again because something failed: what failed must be asked for again.
        layer.reload()
    return layer


def check_name(name: object) -> str:
    """Return the name of a layer.

    Raises
    ------
    ParameterError
        If it is not a text of 1 to 80 signs.
    """
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 80:
        raise ParameterError(f"name is {name!r}; expected a text of 1 to 80 signs")
    return name.strip()
