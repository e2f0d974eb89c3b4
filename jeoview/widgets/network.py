"""The network of a stack in a notebook: seen, thinned by sliders and clicks, and handed on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import ipywidgets

from jeoview.collection import InterferogramCollection
from jeoview.collection.areas import read_area
from jeoview.collection.selection import reading_of
from jeoview.errors import CancelledByUser, CollectionError, ParameterError, choices
from jeoview.quantities import short
from jeoview.widgets.frame import looks
from jeoview.widgets.latest import Latest
from jeoview.widgets.measure_bar import MeasureBar
from jeoview.widgets.messages import Messages
from jeoview.widgets.network_chart import NetworkChart, choice_of, facts_of
from jeoview.widgets.network_limits import Limits
from jeoview.widgets.network_words import alarm, code, notes, said
from jeoview.widgets.reference import ReferencePoint

Listener = Callable[[InterferogramCollection], object]


class NetworkPanel:
    """The network of a stack: pairs are dropped by a click or by sliders, and ``stack`` is what is left.

    It shows baseline against time, the coherence of all pairs of dates, the closure of loops by date and by pair, and the
    loops that close worst. A click on a pair drops it or takes it back, a click on a date all its pairs. What is
    chosen is what `InterferogramCollection.filter_pairs` gives for ``options``. Pixels are read beside the notebook's
    own thread, on the coarse grid of `InterferogramCollection.measures`, and each pair once.

    Parameters
    ----------
    stack : InterferogramCollection
        The pairs to choose from.
    region : (west, south, east, north), GeoJSON or a map, optional
        Where pixels are looked at; the whole stack by default. Of a map it is what is in view now.
    measure : bool
        Whether to measure at once; else when the button *Measure* is pressed.

    Raises
    ------
    ParameterError
        If it is no stack of interferograms, or the region is none or lies outside of it.

    Examples
    --------
    >>> network = jv.NetworkPanel(stack)                                            # doctest: +SKIP
    >>> velocity = network.stack.reference(lon=-99.1, lat=19.4).invert().velocity()  # doctest: +SKIP
    """

    def __init__(self, stack: InterferogramCollection, *, region: Any = None, measure: bool = True) -> None:
        self._whole, self._region = check_interferograms(stack), None if region is None else read_area(region)
        if region is not None:
            reading_of(stack, self._region)
        self._lock, self._choices, self._measuring = threading.RLock(), Latest(), Latest()
        self._dropped: frozenset[str] = frozenset()
        self._answer: tuple[dict[str, Any], InterferogramCollection] | None = None
        self._told, self._listeners = stack.ids, list[tuple[Listener, Callable[..., None]]]()
        self._points: tuple[ReferencePoint, ...] = ()
        self._measured = self._lost = False
        self._messages, self._words = Messages(), ipywidgets.HTML()
        guard = self._messages.guard
        self._updated, self._measure_now = guard("Network", self._update), guard("Measuring", self._measure)
        self._chart, self._limits, self._bar = NetworkChart(), Limits(self._slid), MeasureBar(self.measure)
        self._chart.on_toggle(guard("Network", self.toggle), guard("Network", self._toggle_date))
        again = ipywidgets.Button(description="Take all back", layout=ipywidgets.Layout(width="auto"))
        again.on_click(guard("Network", lambda _: self.reset()))
        title = ipywidgets.HTML(f'<div class="jv-heading">Network: {escape(stack.name)}</div>')
        line = ipywidgets.HBox([self._words, again], layout=ipywidgets.Layout(justify_content="space-between"))
        parts = [looks(), title, self._chart, self._limits.widget, self._bar.widget, line, self._messages.widget]
        self.widget = ipywidgets.VBox(parts)
        self.widget.add_class("jv-network")
        self._chart.facts = facts_of(stack, None)
        self._limits.show(stack.pairs())
        self._update()
        if measure:
            self.measure()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        # What is left where no widget can be shown: a printed page, a pull request.
        return self.widget._repr_mimebundle_(**options) | {"text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<jeoview.NetworkPanel {self._whole.name!r}: {len(self._told or ())} of {len(self._whole)} pairs>"

    # ------------------------------------------------------------ what is chosen

    @property
    def stack(self) -> InterferogramCollection:
        """The stack with the pairs that are chosen now, corrections and reference as it came.

        Raises
        ------
        CollectionError
            If no pair is left.
        """
        return self._chosen(self.options)

    @property
    def options(self) -> dict[str, Any]:
        """What is asked for, as `filter_pairs` takes it: the sliders that are not at their ends, and ``drop``."""
        return self._limits.values | ({"drop": sorted(self._dropped)} if self._dropped else {})

    @property
    def text(self) -> str:
        """What is said of the choice, as HTML."""
        return str(self._words.value)

    @property
    def messages(self) -> tuple[str, ...]:
        """What failed, in words."""
        return self._messages.texts

    def choose(self, *, drop: Iterable[str] | None = None, **limits: float | None) -> InterferogramCollection:
        """Set sliders, and the pairs that are dropped; what is not named stays as it is.

        Parameters
        ----------
        drop : iterable of str, optional
            All pairs that are dropped by hand.
        **limits : float or None
            ``max_days``, ``yearly``, ``max_bperp``, ``min_coherence``, ``min_unwrapped``, ``max_loop_rms``, as
            `filter_pairs`: ``yearly`` alone leaves the pairs of whole years, with ``max_days`` both. None is no limit.

        Returns
        -------
        InterferogramCollection
            What is left.

        Raises
        ------
        ParameterError
            If a pair or a slider is not there, or a value lies beyond what any pair has.
        CollectionError
            If no pair is left.
        """
        if not self._limits.have(limits):
            # Those of the pixels come when these are measured.
            self._measuring.wait()
        checked = {name: self._limits.check(name, value) for name, value in limits.items()}
        if drop is not None:
            self._dropped = self._named(drop)
        for name, value in checked.items():
            self._limits.set(name, value)
        self._ask()
        self._choices.wait()
        return self.stack

    def toggle(self, pair: str) -> None:
        """Drop a pair, or take it back, as a click does.

        Raises
        ------
        ParameterError
            If there is none of that name, or it is the sliders that removed it.
        """
        names = self._named([pair])
        if not names & self._dropped and pair not in self._kept():
            raise ParameterError(f"{pair} was removed by a slider; move the slider to take it back")
        self._dropped = self._dropped ^ names
        self._ask()

    def reset(self) -> None:
        """Take all pairs back, and mark none."""
        self._dropped = frozenset()
        self._limits.clear()
        self._chart.marked = []
        self._ask()

    # ------------------------------------------------------------ who follows

    def on_change(self, function: Listener, *, remove: bool = False) -> None:
        """Call a function with the stack when other pairs are chosen, beside the notebook's own thread.

        Raises
        ------
        ParameterError
            If it cannot be called.
        """
        if not callable(function):
            raise ParameterError(f"on_change: got a {type(function).__name__}; expected a function of the stack")
        with self._lock:
            self._listeners = [known for known in self._listeners if known[0] != function]
            if not remove:
                name = f"on_change: {getattr(function, '__name__', type(function).__name__)} ({id(function)})"
                self._listeners.append((function, self._messages.guard(name, _caller(function))))

    def link(self, point: ReferencePoint) -> None:
        """Let a reference on a map, and all that is shown of its stack, follow the pairs that are chosen here.

        Parameters
        ----------
        point : ReferencePoint
            Of `Map.add_reference`, for the same stack; its reference and its corrections stay. Where the pairs that are
            chosen cannot be shown there, it is said on the panel and beside the map which are shown, and why.

        Raises
        ------
        ParameterError
            If it is none, or of another stack.
        """
        if not isinstance(point, ReferencePoint):
            raise ParameterError(f"link: got a {type(point).__name__}; expected what Map.add_reference gives")
        point.choose_pairs(self.stack)
        if point not in self._points:
            self._points = (*self._points, point)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until measuring is done, and what was clicked has been answered."""
        self._measuring.wait(seconds)
        self._choices.wait(seconds)

    def measure(self) -> None:
        """Read the pixels beside the notebook's own thread; what was measured before is not read again."""
        self._bar.start()
        self._ask()
        self._measuring.ask(self._measure_now)

    def close(self) -> None:
        """Stop measuring, and leave the notebook; ``stack`` stays."""
        self._bar.stop()
        self._choices.forget()
        self._listeners, self._points = [], ()
        self.widget.close()

    # ------------------------------------------------------------ parts

    def _chosen(self, options: dict[str, Any]) -> InterferogramCollection:
        """The pairs that options leave; pixels may be read for it, so nobody else is made to wait."""
        answer = self._answer
        if answer is None or answer[0] != options:
            kept = self._whole
            if options:
                kept = kept.filter_pairs(**options, region=self._region, progress=False)
            self._answer = answer = options, kept
        return answer[1]

    def _named(self, pairs: Any) -> frozenset[str]:
        known = self._whole.ids or ()
        names = [pairs] if isinstance(pairs, str) else list(pairs)
        for name in names:
            if name not in known:
                raise ParameterError(
                    f"{self._whole.name!r} has no pair {short(name)}; {choices(str(name)[:64], known)}"
                )
        return frozenset(names)

    def _kept(self) -> tuple[str, ...]:
        try:
            return self.stack.ids or ()
        except CollectionError:
            return ()

    def _toggle_date(self, day: str) -> None:
        """Drop the pairs of a date that are left; where none is, take those back that were dropped by hand."""
        table = self._whole.pairs()
        here = frozenset(table["id"][(table["earlier"].astype(str) == day) | (table["later"].astype(str) == day)])
        left = here & frozenset(self._kept())
        self._dropped = self._dropped | left if left else self._dropped - here
        self._ask()

    def _slid(self) -> None:
        self._messages.forget("Network")
        self._ask()

    def _ask(self) -> None:
        self._choices.ask(self._updated)

    def _update(self) -> None:
        options, measured = self.options, self._measured
        try:
            kept, why = self._chosen(options), ""
        except CollectionError as error:
            kept, why = None, str(error)
        choice = choice_of(kept, options.get("drop", ()), region=self._region, measured=measured)
        if kept is None:
            for point in self._points:
                point.stay(why)
        about = notes(self._chart.facts, busy=self._bar.busy)
        written = code(options, region=self._region is not None)
        apart = [point.apart for point in self._points if point.apart]
        words = "".join(map(alarm, apart or [why])) if kept is None else said(self._whole, kept, written, about, apart)
        with self._lock:
            if (options, measured) != (self.options, self._measured):
                # Who changed it asks again, and that answer is the one to show.
                return
            self._chart.choice, self._words.value = choice, words
            if not set(self._chart.marked) <= set(self._chart.choice["kept"]):
                self._chart.marked = []
            changed = kept is not None and kept.ids != self._told
            if kept is not None:
                self._told = kept.ids
            listeners = list(self._listeners) if changed else []
        for _, call in listeners:
            call(kept)
        if kept is not None and (changed or self._lost):
            for point in self._points:
                point.ask_for_pairs(kept, self._ask)
        self._lost = kept is None

    def _measure(self) -> None:
        try:
            table = self._whole.measures(self._region, progress=self._bar.watch)
        except CancelledByUser:
            return
        finally:
            self._bar.end()
            self._ask()
        with self._lock:
            self._measured = True
            self._chart.facts = facts_of(self._whole, table)
            self._limits.show(table)
            self._bar.leave()
        self._ask()


def check_interferograms(stack: object) -> InterferogramCollection:
    """Return a stack of interferograms.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    if isinstance(stack, InterferogramCollection):
        return stack
    raise ParameterError(f"stack is a {type(stack).__name__}; expected an InterferogramCollection")


def _caller(function: Listener) -> Callable[..., None]:
    def call(stack: InterferogramCollection) -> None:
        function(stack)

    return call
