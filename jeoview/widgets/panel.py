"""The list beside the map: a row for each layer with its tick box, opacity, order and state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from jeoview.widgets.layers import MapLayer

Act = Callable[[MapLayer], None]


class Row:
    """One layer in the list.

    Parameters
    ----------
    layer : MapLayer
        What it stands for.
    guard : function
        Wraps callbacks so that what they raise is seen.
    up, down, zoom : function
        What its buttons do.
    """

    def __init__(self, layer: MapLayer, guard: Callable[..., Any], up: Act, down: Act, zoom: Act) -> None:
        self.layer = layer
        self._tick = ipywidgets.Checkbox(
            value=layer.visible,
            description=layer.name,
            indent=False,
            layout=ipywidgets.Layout(width="auto", flex="1 1 auto"),
        )
        self._state = ipywidgets.HTML(layout=ipywidgets.Layout(width="18px", height="18px", margin="0"))
        self._opacity = ipywidgets.FloatSlider(
            layer.opacity,
            min=0,
            max=1,
            step=0.01,
            readout=False,
            layout=ipywidgets.Layout(width="auto", flex="1 1 auto"),
        )
        buttons = [
            _button("arrow-up", "Move up", lambda: up(layer), guard),
            _button("arrow-down", "Move down", lambda: down(layer), guard),
            _button("crosshairs", "Zoom to the layer", lambda: zoom(layer), guard),
            _button("refresh", "Load its tiles again", layer.reload, guard),
        ]
        self._tick.observe(guard(layer.name, lambda change: setattr(layer, "visible", change["new"])), "value")
        self._opacity.observe(guard(layer.name, lambda change: setattr(layer, "opacity", change["new"])), "value")
        self._opacity.tooltip = "Opacity"
        self.widget = ipywidgets.VBox([_line([self._tick, self._state]), _line([self._opacity, *buttons])])
        self.widget.add_class("jv-row")
        self.update(failed=False)

    def update(self, *, failed: bool) -> None:
        """Show the layer's state."""
        layer = self.layer
        self._tick.value, self._opacity.value = layer.visible, layer.opacity
        state = "busy" if layer.busy else "failed" if failed else "ready"
        words = {"busy": "loading tiles", "failed": "some tiles failed; see the message below", "ready": ""}[state]
        value = f'<span class="jv-state jv-{state}" title="{words}"></span>'
        if self._state.value != value:
            self._state.value = value

    def close(self) -> None:
        """Let go of the widgets."""
        self.widget.close()


def _line(children: list[Any]) -> Any:
    return ipywidgets.HBox(children, layout=ipywidgets.Layout(width="100%", align_items="center"))


def _button(icon: str, words: str, act: Callable[[], None], guard: Callable[..., Any]) -> Any:
    button = ipywidgets.Button(
        icon=icon, tooltip=words, layout=ipywidgets.Layout(width="24px", height="24px", margin="0 0 0 2px")
    )
    button.add_class("jv-button")
    button.on_click(guard(words, lambda _: act()))
    return button


class Panel:
    """All rows, the topmost layer first, as they lie on the map.

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(self, make: Callable[[MapLayer], Row]) -> None:
        self._make = make
        self._rows: dict[str, Row] = {}
        self._empty = ipywidgets.HTML(
            '<div class="jv-empty">No layer yet. Add one with <code>m.add(image, name=…)</code></div>'
        )
        self.widget = ipywidgets.VBox([self._empty], layout=ipywidgets.Layout(width="100%"))

    def show(self, layers: Sequence[MapLayer]) -> None:
        """Have a row for each of these layers (from the bottom to the top) and for no other."""
        names = [layer.name for layer in reversed(layers)]
        for layer in layers:
            if layer.name not in self._rows:
                self._rows[layer.name] = self._make(layer)
        for name in [name for name in self._rows if name not in names]:
            self._rows.pop(name).close()
        self.widget.children = tuple(self._rows[name].widget for name in names) or (self._empty,)

    def update(self, layer: MapLayer, *, failed: bool) -> None:
        """Show one layer's state."""
        if layer.name in self._rows:
            self._rows[layer.name].update(failed=failed)
