"""The reference point of a stack on a map: seen, chosen by a click, and followed by all that is made from the stack."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import ipyleaflet
import ipywidgets

from jeoview.collection import InterferogramCollection, SlcCollection
from jeoview.collection.reference import centre_of
from jeoview.errors import ParameterError
from jeoview.graph import Node, thaw, walk
from jeoview.image import Image
from jeoview.make import remake
from jeoview.quantities import short
from jeoview.widgets.latest import Latest
from jeoview.widgets.layers import check_image
from jeoview.widgets.reference_words import Stack, measure, shown_pairs
from jeoview.widgets.window import Window

Show = Callable[[Any], Image | Mapping[str, Image]]

CHOOSE = "Choose reference"
NONE_YET = "No reference yet. Click on the map, on ground that does not move."
READING = "Reading the place …"
DIGITS = 5  # of degrees: a metre


class ReferencePoint:
    """A stack, its reference, and what is shown of it; made by `jeoview.Map.add_reference`.

    Parameters
    ----------
    window : Window
        The map.
    stack : InterferogramCollection or SlcCollection
        With a reference or without one.
    show : function
        Gives what is shown of a stack with a reference: an image, or images by the names of their layers.
    name : str
        Heading, and name of the layer where `show` gives one image.
    place : function
        Puts images on the map by the names of their layers; those of the names given first are its own already.
    changed : function
        Called when another reference was chosen.
    guard : function
        Wraps what the browser calls, so that what it raises is seen.

    Attributes
    ----------
    widget : ipywidgets.VBox
    button : ipywidgets.ToggleButton
        While it is on, a click or the dragged mark chooses the reference.
    """

    def __init__(
        self,
        window: Window,
        stack: Stack,
        show: Show,
        name: str,
        *,
        place: Callable[[frozenset[str], Mapping[str, Image]], None],
        changed: Callable[[], None],
        guard: Callable[..., Callable[..., None]],
    ) -> None:
        self._window, self._stack, self._show, self._name = window, check_stack(stack), check_show(show), name
        self._place, self._changed = place, changed
        # The mark is drawn by the button too, which must not wait for a place that is being read.
        self._lock, self._marking, self._latest = threading.RLock(), threading.RLock(), Latest()
        self._pairs, self._closed = Latest(), False  # a wish for other pairs never replaces a click that waits
        self._names: frozenset[str] = frozenset()
        self._former: dict[str, Node] = {}
        self._now: Node | None = None
        self._told = NONE_YET if self._stack.place is None else ""
        self._apart = ""
        self._marker: Any = None
        self.button = ipywidgets.ToggleButton(
            description=CHOOSE, icon="crosshairs", layout=ipywidgets.Layout(width="100%", margin="0")
        )
        self._words = ipywidgets.HTML()
        heading = ipywidgets.HTML(f'<div class="jv-heading">Reference: {html.escape(name)}</div>')
        self.widget = ipywidgets.VBox([heading, self.button, self._words], layout=ipywidgets.Layout(width="100%"))
        source = f"{name}: reference"
        self._chosen, self._described = guard(source, self.choose), guard(source, self._describe)
        self._clicked, self._dragged = guard(source, self._click), guard(source, self._drag)
        self._paired = guard(source, self.choose_pairs)
        if self._stack.place is not None:
            self._use(self._stack)
            self._draw()
        window.widget.on_interaction(self._clicked)
        self.button.observe(guard(source, lambda _: self._toggle()), "value")
        self._begin()

    @property
    def stack(self) -> Any:
        """The stack with the reference that is chosen now."""
        return self._stack

    @property
    def text(self) -> str:
        """What is said of the reference, as HTML."""
        return str(self._words.value)

    def choose(self, lon: float, lat: float) -> None:
        """Take another reference, as a click does; the layers and inspectors of the stack follow.

        Raises
        ------
        ParameterError
            If the place lies outside of the stack or has no data; the reference is then the one before.
        """
        self._take(
            lambda: self._stack.reference(lon, lat),
            f"reference at lat {lat:.5f}, lon {lon:.5f}: none of the {{count}} {{what}} has data there; the "
            "reference stays what it was",
        )

    def choose_pairs(self, stack: InterferogramCollection) -> None:
        """Show other pairs of the same stack, with the reference that is chosen now; layers and inspectors follow.

        Parameters
        ----------
        stack : InterferogramCollection
            Its pairs are taken; corrections and reference stay what they are here.

        Raises
        ------
        ParameterError
            If it has other pairs than the stack of this reference, or none of them has data at the reference; all is
            then what it was.
        """
        chosen = check_pairs(self._stack, stack)
        self._apart = ""
        try:
            self._take(
                lambda: replace(self._stack, ids=chosen.ids, steps=chosen.steps),
                "none of the {count} {what} has data at the reference; the pairs stay what they were",
            )
        except Exception as error:
            self.stay(str(error) or type(error).__name__)
            raise

    def stay(self, why: str) -> None:
        """Say beside the map that it shows the pairs that it did, not those that are chosen elsewhere, and why."""
        self._apart = f"{shown_pairs(self._stack)}, not the pairs that are chosen: {why}"
        self._tell(self._told)

    @property
    def apart(self) -> str:
        """Which pairs the map shows, and why, where they are not those that were asked for last; else empty."""
        return self._apart

    def ask_for_pairs(self, stack: InterferogramCollection, answered: Callable[[], object] = lambda: None) -> None:
        """Do the same beside the notebook's own thread; of several wishes the latest counts.

        Parameters
        ----------
        stack : InterferogramCollection
            As for `choose_pairs`.
        answered : function
            Called when the map shows these pairs, or was told that it cannot.
        """
        if not self._closed:

            def ask() -> None:
                self._paired(stack)
                answered()

            self._pairs.ask(ask)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until a click, or a wish for other pairs, has been answered."""
        self._latest.wait(seconds)
        self._pairs.wait(seconds)

    def follow(self, image: Image) -> Image:
        """The same image of the stack with the reference that is chosen now, where it was made with one before."""
        return image if self._now is None else Image(exchange(image.node, self._former, self._now))

    def rest(self) -> None:
        """Take no more clicks."""
        self.button.value = False

    def close(self) -> None:
        """Leave the map; the layers stay."""
        self._closed = True
        self._latest.forget()
        self._pairs.forget()
        self._window.widget.on_interaction(self._clicked, remove=True)
        self.rest()
        self._remove_marker()
        self.widget.close()

    def _begin(self) -> None:
        if self._stack.place is None:
            self._tell(NONE_YET)
            self.button.value = True
        else:
            self._tell(READING)
            self._latest.ask(self._described)

    def _take(self, make: Callable[[], Stack], refusal: str) -> None:
        """Use another stack, unless its reference has no data."""
        with self._lock:
            self._tell(READING)
            try:
                stack = make()
                if stack.place is not None:
                    found = measure(stack)
                    if not found.seen:
                        raise ParameterError(refusal.format(count=found.count, what=found.what))
                    self._use(stack)
                    self._told = found.words
                self._stack = stack
            finally:
                # Where it failed, a mark that was dragged there goes back.
                self._draw()
                self._tell(self._told)
        self._changed()

    def _describe(self) -> None:
        with self._lock:
            self._told = ""
            try:
                self._told = measure(self._stack).words
            finally:
                self._tell(self._told)

    def _tell(self, words: str) -> None:
        place = self._stack.place
        where = "" if place is None else "<b>{1:.5f}, {0:.5f}</b>".format(*centre_of(place)).replace("-", "\u2212")
        apart = f'<div class="jv-net-alarm" role="alert">{html.escape(self._apart)}</div>' if self._apart else ""
        self._words.value = f'<div class="jv-place">{where}<div>{html.escape(words)}</div>{apart}</div>'

    def _use(self, stack: Stack) -> None:
        images = self._images(stack)
        node = stack.image().node
        self._place(self._names, images)
        self._stack, self._names = stack, frozenset(images)
        self._former[node.key] = self._now = node

    def _images(self, stack: Stack) -> dict[str, Image]:
        shown = self._show(stack)
        if isinstance(shown, Mapping):
            return {str(name): check_image(image) for name, image in shown.items()}
        return {self._name: check_image(shown)}

    # ------------------------------------------------------------ what the browser calls

    def _toggle(self) -> None:
        if self.button.value:
            self._window.give_clicks(self)
        else:
            self._window.take_clicks_back(self)
        self.button.button_style = "info" if self.button.value else ""
        self._draw()

    def _click(self, **event: Any) -> None:
        if self.button.value and event.get("type") == "click":
            lat, lon = event["coordinates"]
            self._ask(lat, lon)

    def _drag(self, change: Mapping[str, Any]) -> None:
        self._ask(*change["new"])

    def _ask(self, lat: float, lon: float) -> None:
        # As it is said, so that the same numbers in a cell are the same reference.
        place = round((lon + 180.0) % 360.0 - 180.0, DIGITS), round(lat, DIGITS)
        # Computed beside the notebook's thread: the map and its sliders go on.
        self._latest.ask(lambda: self._chosen(*place))

    # ------------------------------------------------------------ mark

    def _draw(self) -> None:
        """A new mark each time: Leaflet does not learn later that a mark may be dragged, and echoes every move of it."""
        with self._marking:
            self._remove_marker()
            if self._stack.place is None:
                return
            lon, lat = centre_of(self._stack.place)
            self._marker = ipyleaflet.Marker(
                location=(lat, lon),
                draggable=bool(self.button.value),
                title=f"Reference: {self._name}",
                alt="reference point",
                icon=ipyleaflet.DivIcon(html='<i class="jv-reference"></i>', icon_size=[16, 16], icon_anchor=[8, 8]),
            )
            self._marker.observe(self._dragged, "location")
            self._window.widget.add(self._marker)

    def _remove_marker(self) -> None:
        with self._marking:
            if self._marker is not None:
                marker, self._marker = self._marker, None
                self._window.widget.remove(marker)


# ---------------------------------------------------------------- chains


def exchange(root: Node, former: Mapping[str, Node], now: Node) -> Node:
    """A chain in which one node stands for former ones (by key); what does not use them stays as it is."""
    made: dict[str, Node] = {}
    for node in walk(root):
        if node.key in former:
            made[node.key] = now
        elif any(made[child.key] != child for child in node.children):
            arguments = thaw(node.arguments, lambda child: made[child.key], lambda used: used)
            made[node.key] = remake(node.operator, arguments)
        else:
            made[node.key] = node
    return made[root.key]


def check_stack(stack: object) -> Any:
    """Return a stack that a reference can be chosen for.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    if isinstance(stack, (InterferogramCollection, SlcCollection)):
        return stack
    raise ParameterError(f"stack is a {type(stack).__name__}; expected an InterferogramCollection or a SlcCollection")


def check_pairs(own: Stack, stack: object) -> InterferogramCollection:
    """Return a stack of which each pair is one of a stack's own.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    known = set(replace(own, ids=None).ids or ()) if isinstance(own, InterferogramCollection) else set()
    if isinstance(stack, InterferogramCollection) and set(stack.ids or ()) <= known:
        return stack
    raise ParameterError(f"choose_pairs: got {short(stack)}; expected pairs of the same stack, {own.name!r}")


def check_show(show: object) -> Show:
    """Return a function.

    Raises
    ------
    ParameterError
        If it cannot be called.
    """
    if callable(show):
        return show
    raise ParameterError(
        f"show is a {type(show).__name__}; expected a function of the stack with its reference, such as "
        'lambda stack: stack.invert().velocity()["velocity"].colormap("RdBu", vmin=-50, vmax=50)'
    )
