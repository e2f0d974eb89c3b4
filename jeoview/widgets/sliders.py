"""A slider for every parameter of the chains on a map; the same name in several layers is one slider."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import ipywidgets

from jeoview.errors import ParameterError, choices
from jeoview.graph import Parameter
from jeoview.quantities import short

Value = bool | int | float | str

# Dates have an order, which a slider shows and a list of sixty does not.
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
STEPS = 100  # of a slider whose parameter says no step


def control_of(parameter: Parameter) -> Any:
    """The ipywidget that suits a parameter: tick box, drop-down, text, slider (of dates too) or number field."""
    wide = ipywidgets.Layout(width="100%", margin="0")
    if isinstance(parameter.default, bool):
        return ipywidgets.Checkbox(value=parameter.default, indent=False, description="", layout=wide)
    if isinstance(parameter.default, str):
        if parameter.choices and all(map(DAY.match, parameter.choices)):
            return ipywidgets.SelectionSlider(options=parameter.choices, value=parameter.default, layout=wide)
        if parameter.choices:
            return ipywidgets.Dropdown(options=parameter.choices, value=parameter.default, layout=wide)
        return ipywidgets.Text(value=parameter.default, continuous_update=False, layout=wide)
    if parameter.minimum is None or parameter.maximum is None:
        return _number_field(parameter, wide)
    return _slider(parameter, parameter.minimum, parameter.maximum, wide)


def _number_field(parameter: Parameter, layout: Any) -> Any:
    if isinstance(parameter.default, int):
        return ipywidgets.IntText(value=parameter.default, step=int(parameter.step or 1), layout=layout)
    return ipywidgets.FloatText(value=parameter.default, step=parameter.step, layout=layout)


def _slider(parameter: Parameter, low: float, high: float, layout: Any) -> Any:
    if isinstance(parameter.default, int):
        whole = int(parameter.step or max((high - low) // STEPS, 1))
        return ipywidgets.IntSlider(parameter.default, int(low), int(high), whole, layout=layout)
    step = parameter.step or (high - low) / STEPS
    return ipywidgets.FloatSlider(
        parameter.default, min=low, max=high, step=step, readout_format=_format(step), layout=layout
    )


def _format(step: float) -> str:
    """As many decimals as a step needs."""
    decimals = next((digits for digits in range(7) if abs(round(step, digits) - step) <= 1e-9 * step), 6)
    return f".{decimals}f"


def check_same(wanted: Iterable[Parameter]) -> None:
    """Refuse one name that is declared in two ways.

    Raises
    ------
    ParameterError
        Which names it.
    """
    known: dict[str, Parameter] = {}
    for used in wanted:
        if known.setdefault(used.name, used) != used:
            raise ParameterError(
                f"parameter {used.name!r} is declared in another way by a layer that is on the map; "
                "use one jv.parameter for both, or give them different names"
            )


class Sliders:
    """The controls of a map.

    Parameters
    ----------
    moved : function
        Called with the parameter's name after a move.

    Attributes
    ----------
    widget : ipywidgets.VBox
        All controls, in the order in which their parameters came.
    """

    def __init__(self, moved: Callable[[str], None]) -> None:
        self._moved = moved
        self._parameters: dict[str, Parameter] = {}
        self._controls: dict[str, Any] = {}
        self._boxes: dict[str, Any] = {}
        self._heading = ipywidgets.HTML('<div class="jv-heading">Parameters</div>')
        self.widget = ipywidgets.VBox(layout=ipywidgets.Layout(width="100%", display="none"))
        self.widget.add_class("jv-sliders")

    @property
    def values(self) -> dict[str, Value]:
        """Where the sliders stand."""
        return {name: used.check(self._controls[name].value) for name, used in self._parameters.items()}

    def keep(self, wanted: Iterable[Parameter]) -> None:
        """Have a control for each of these parameters and for no other; what stays keeps its position."""
        parameters = {used.name: used for used in wanted}
        for name in [name for name, used in self._parameters.items() if parameters.get(name) != used]:
            del self._parameters[name]
            self._boxes.pop(name).close()
            self._controls.pop(name).close()
        for name in [name for name in parameters if name not in self._parameters]:
            self._add(parameters[name])
        self.widget.children = (self._heading, *(self._boxes[name] for name in self._parameters))
        self.widget.layout.display = None if self._parameters else "none"

    def set(self, name: str, value: Value) -> None:
        """Move a slider.

        Raises
        ------
        ParameterError
            If there is none of that name, or the value does not fit.
        """
        if not isinstance(name, str) or name not in self._parameters:
            known = choices(str(name)[:64], self._parameters)
            raise ParameterError(f"no layer of the map has a parameter {short(name)}; {known}")
        self._controls[name].value = self._parameters[name].check(value)

    def _add(self, parameter: Parameter) -> None:
        name = parameter.name
        control = control_of(parameter)
        control.observe(lambda _: self._moved(name), "value")
        unit = f' <span class="jv-unit">{escape(parameter.unit)}</span>' if parameter.unit else ""
        label = ipywidgets.HTML(f'<span class="jv-label">{escape(name.replace("_", " "))}{unit}</span>')
        box = ipywidgets.VBox([label, control], layout=ipywidgets.Layout(width="100%"))
        self._parameters[name], self._controls[name], self._boxes[name] = parameter, control, box
