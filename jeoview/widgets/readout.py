"""The values under a click as HTML: a table of bands, a chart of a series, a row for each step of a chain."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jeoview.describe import describe
from jeoview.errors import JeoviewError, PendingError
from jeoview.export.dates import labels
from jeoview.graph import Node, Parameter, walk
from jeoview.operators.motion_fit import LINEAR, Fit
from jeoview.raster import Kind
from jeoview.widgets.chart import Values, chart, csv_text

MAX_STEPS = 40
NO_DATA = "no data"
_MAX_WORDS = 32

Answer = Mapping[str, Any]
Ask = Callable[[Node], Answer]


def card(title: str, body: str) -> str:
    """A part of the inspector."""
    return f'<div class="jv-inspector"><b>{html.escape(title)}</b>{body}</div>'


def error(message: str) -> str:
    """What went wrong."""
    return f'<p class="jv-error">{html.escape(message)}</p>'


def pending(message: str) -> str:
    """What is computed on, without the advice to ask again: the inspector does."""
    return f"<p>{html.escape(message.partition(';')[0])} …</p>"


def result(answer: Answer, where: str, fit: Fit = LINEAR) -> str:
    """The values of an image: a chart with its CSV for a series, else a table; that of a single scene under its day.

    Parameters
    ----------
    answer : mapping
        As `jeoview.engine.Engine.point` gives it.
    where : str
        Names the file of the CSV.
    fit : Fit
        The curve of a series.
    """
    if "dates" not in answer:
        return _table(answer)
    if len(answer["dates"]) == 1:
        return f"<p>{html.escape(labels(answer['dates'])[0])}</p>{_table(_only(answer))}"
    values = _series(answer)
    if not any(np.isfinite(series).any() for series in values.values()):
        return "<p>No data here.</p>"
    units = answer["units"]
    return chart(answer["dates"], values, units, fit) + download(
        csv_text(answer["dates"], values, units), f"values {where}", "Values as CSV"
    )


def steps(root: Node, ask: Ask) -> str:
    """A row for each step of a chain that has pixels, from the source on, with its values.

    Parameters
    ----------
    root : Node
        The chain; its colours are no values and are left out.
    ask : function
        Gives the values of a node under the place.
    """
    nodes = [node for node in walk(root) if describe(node).kind in (Kind.BANDS, Kind.SERIES)]
    left_out = max(len(nodes) - MAX_STEPS, 0)
    rows = [
        f"<tr><td><code>{html.escape(words(node))}</code></td><td>{_step(node, ask)}</td></tr>"
        for node in nodes[left_out:]
    ]
    note = f'<div class="jv-note">the first {left_out} steps are left out</div>' if left_out else ""
    return f'<div class="jv-steps">{note}<table>{"".join(rows)}</table></div>'


def words(node: Node) -> str:
    """A step as it was written: its operator and what is short of its parameters.

    Examples
    --------
    >>> from jeoview.make import make
    >>> words(make("constant", (), {"value": 2.0}))                                # doctest: +SKIP
    'constant(value=2.0)'
    """
    if not node.children:
        return node.operator
    said = {name: _word(value) for name, value in node.arguments.items()}
    listed = ", ".join(f"{name}={word}" for name, word in said.items() if word)
    return f"{node.operator}({listed})" if listed else node.operator


def _word(value: object) -> str:
    if isinstance(value, Parameter):
        return value.name
    if isinstance(value, tuple) and all(isinstance(part, (str, int, float)) for part in value):
        text = "/".join(map(str, value))
    elif isinstance(value, (str, int, float)):
        text = str(value)
    else:
        return ""
    return text if len(text) <= _MAX_WORDS else ""


def _step(node: Node, ask: Ask) -> str:
    try:
        answer = ask(node)
    except PendingError as problem:
        return pending(str(problem))
    except JeoviewError as problem:
        return f'<span class="jv-error">{html.escape(str(problem))}</span>'
    if len(answer.get("dates", ())) == 1:
        answer = _only(answer)
    units, series = answer["units"], "dates" in answer
    return "".join(
        _line(band, _span(values), units[band], _count(values)) if series else _line(band, number(values), units[band])
        for band, values in answer["values"].items()
    )


def _only(answer: Answer) -> Answer:
    """The values of the only layer of a series, as those of an image."""
    values = {band: layers[0] for band, layers in answer["values"].items()}
    return {"units": answer["units"], "values": values}


def _line(band: str, text: str, unit: str, count: str = "") -> str:
    shown = "" if text == NO_DATA else f" {html.escape(unit)}"
    return f"<div>{html.escape(band)} <b>{text}</b>{shown}{count}</div>"


def _span(values: Sequence[Any]) -> str:
    """Least and greatest of the layers of a series; complex ones are not ordered, and their argument is taken."""
    valid = [_real(value) for value in values if value is not None]
    if not valid:
        return NO_DATA
    return f"{min(valid):.4g} to {max(valid):.4g}".replace("-", "\u2212")


def _count(values: Sequence[Any]) -> str:
    return f" <i>{sum(value is not None for value in values)} of {len(values)} layers</i>"


def number(value: Any) -> str:
    """A value as people read it; complex ones come as two."""
    if value is None:
        return NO_DATA
    if isinstance(value, list):
        return f"{value[0]:.6g} + {value[1]:.6g}i".replace("+ -", "\u2212 ").replace("-", "\u2212")
    return f"{value:.6g}".replace("-", "\u2212")


def _series(answer: Answer) -> Values:
    """Layers by band; of complex values the argument, in radians."""
    return {band: np.array([_real(value) for value in values]) for band, values in answer["values"].items()}


def _real(value: Any) -> float:
    if value is None:
        return float("nan")
    return float(np.arctan2(value[1], value[0])) if isinstance(value, list) else float(value)


def _table(answer: Answer) -> str:
    rows = [_row(band, value, answer["units"][band]) for band, value in answer["values"].items()]
    return f"<table>{''.join(rows)}</table>"


def _row(band: str, value: Any, unit: str) -> str:
    shown = f" {html.escape(unit)}" if unit and value is not None else ""
    return f"<tr><td>{html.escape(band)}</td><td>{number(value)}{shown}</td></tr>"


def download(text: str, file: str, words: str) -> str:
    """A link that gives a text as a CSV file of this name."""
    data = base64.b64encode(text.encode()).decode()
    name = html.escape(f"{file}.csv")
    return f'<a class="jv-csv" download="{name}" href="data:text/csv;base64,{data}">{html.escape(words)}</a>'


def sections(parts: Sequence[tuple[str, str]]) -> str:
    """Parts under their names; the name of a single one is said above."""
    if len(parts) == 1:
        return parts[0][1]
    return "".join(f'<div class="jv-part"><span>{html.escape(name)}</span>{body}</div>' for name, body in parts)
