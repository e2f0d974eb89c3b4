"""Chains put together from the whole registry, well formed as far as the JSON schemas say and otherwise at random."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Any

import jeoview as jv
from jeoview.describe import describe
from jeoview.graph import Node, Parameter, parameter, parameters
from jeoview.make import make
from jeoview.operator import Input, Operator, band_fields, find
from jeoview.raster import Kind
from tests.samples import AREA, CLASSES, OPERATORS, REGION, SAMPLES, image
from tests.synthetic import slc, source

STEPS = 6
# An operator is given what it does not take now and then; what make() refuses teaches little more the second time.
MISFIT = 0.05
SLIDERS = 0.05
FORMULAS = (
    "{a} + 1",
    "where({a} > t, {b}, -{a})",
    "sqrt({a}) / {b}",
    "min({a}, exp({b}))",
    "({a} > 0) & ({b} < 1)",
    "t",
)
LIKELY: dict[str, tuple[Any, ...]] = {
    "region": (REGION, "view", "view", (10.01, 44.01, 10.02, 44.02), (10.0, 44.0, 9.0, 45.0)),
    "zoom": (9, 10, 3, 24),
    "polygon": (AREA, {"type": "Polygon", "coordinates": []}, {"type": "Point", "coordinates": [10.0, 44.0]}),
    "palette": ("viridis", "cyclic", "nonsense", ("white", "k")),
    "classes": ((), CLASSES),
    "variables": ({"t": 0.3}, {}),
    "steps": ((), ("2023-05-01",), ("2023-05-01", "1999-12-31")),
    "unit": ("", "rad", "rad (wrapped)", "m", "any"),
    "min_dates": (1, 2, 3),
    "min_span": (0.0, 0.25),
    "wavelength": (0.055, 1e-9, 10.0),
    "first": (2022, 2023),
    "last": (2023, 2024),
    "patch": (8, 16),
    "method": ("sbas", "nsbas", "reliability"),
    "azimuth": (1, 2, 7, 512),
    "range": (1, 3, 0.5),
    "q": (0.5, (0.1, 0.9), (1.0,)),
    "window": ((3, 3), (1, 5), (1, 1), (9, 2)),
    "radius": (0, 1, 2, {"metres": 40.0}),
    "sigma": (0, 1, {"metres": 30.0}),
    "input_min": (0.0, 0.2),
    "min": (0.0, 0.2),
    "low": (0.0, 0.2),
}
# Names that operators look for.
NAMES = ("unwrapped", "coherence", "displacement", "slc", "phase", "quantile", "frame", "valid", "a_b")
NUMBERS = (0.0, 1.0, -1.0, 0.5, 2.0, 1e-3, 1e6, -3e38, 1e300)


def wild_chain(random: Random) -> Node:
    """The last of some nodes that were not refused, each made of those before it."""
    pool = list(_roots())
    made: list[Node] = []
    while not made:
        for _ in range(random.randint(1, STEPS)):
            try:
                made.append(_step(random, [*pool, *made, *made, *made]))
            except jv.JeoviewError:
                continue
    return made[-1]


@lru_cache(maxsize=1)
def _roots() -> tuple[Node, ...]:
    """What the samples are made of."""
    names = {name for sample in SAMPLES for name in sample.inputs if isinstance(name, str)}
    more = (
        source("7", ("slc", "other"), is_complex=True),
        slc("8", bands=("hh", "hv")),
        source("9", ("displacement", "velocity"), unit="m"),
        source("a", ("unwrapped", "displacement"), unit="rad"),
        source("b", ("displacement",), unit="m", stack="pairs"),
        source("c", ("phase", "a_b", "coherence"), bbox=None),
        source("d", ("unwrapped", "coherence", "height"), unit={"unwrapped": "rad", "height": "m"}, stack="pairs"),
        source("e", ("phase", "displacement"), unit={"phase": "rad (wrapped)", "displacement": "m"}),
    )
    return (*(image(name).node for name in sorted(names)), *(item.node for item in more))


def _step(random: Random, pool: list[Node]) -> Node:
    found = find(random.choice(OPERATORS))
    images: list[Any] = []
    for item in found.inputs:
        count = random.choice((1, 2, 3, 6)) if item.variadic else 1
        images += [_image(random, found, item, pool) for _ in range(count)]
    while images and images[-1] is None:
        images.pop()
    first = next((value for value in images if isinstance(value, Node)), None)
    bands = () if first is None else describe(first).bands
    values = _values(random, found, bands)
    slid = {name: _slider(random, value) if random.random() < SLIDERS else value for name, value in values.items()}
    moved = [_slider(random, value) if random.random() < SLIDERS else value for value in images]
    return make(found.name, tuple(moved), slid)


def _slider(random: Random, value: Any) -> Any:
    """A slider that stands at a value, if that is one that a slider may have."""
    name = f"p{random.randint(0, 999)}"
    if isinstance(value, str):
        return parameter(name, value, choices=tuple({value, random.choice(("", "view", "viridis", "red"))}))
    if isinstance(value, (int, float)):
        span = random.choice((1, 3, 1000))
        if isinstance(value, bool) or random.random() < 0.3:
            return parameter(name, value)
        return parameter(name, value, min=value - span, max=value + span, step=random.choice((None, 1)))
    return value


def moved(random: Random, node: Node) -> dict[str, Any]:
    """Any position of the sliders of a chain."""
    return {name: _position(random, used) for name, used in parameters(node).items()}


def _position(random: Random, used: Parameter) -> Any:
    if used.choices:
        return random.choice(used.choices)
    if isinstance(used.default, bool):
        return random.random() < 0.5
    low, high = used.minimum, used.maximum
    if low is None or high is None:
        return used.default
    between = random.randint(int(low), int(high)) if isinstance(used.default, int) else random.uniform(low, high)
    return random.choice((type(used.default)(low), type(used.default)(high), used.default, between))


def _image(random: Random, found: Operator, item: Input, pool: list[Node]) -> Any:
    if (item.scalar and random.random() < 0.3) or random.random() < MISFIT / 4:
        return random.choice(NUMBERS)
    if item.optional and random.random() < 0.4:
        return None
    lifted = {Kind.SERIES} if item.kind is Kind.BANDS and found.kind is Kind.BANDS else set()
    fitting = [node for node in pool if describe(node).kind in {item.kind} | lifted]
    return random.choice(pool if random.random() < MISFIT or not fitting else fitting)


def _values(random: Random, found: Operator, bands: tuple[str, ...]) -> dict[str, Any]:
    schema = found.model.model_json_schema()
    required = set(schema.get("required", ()))
    names = band_fields(found)
    values: dict[str, Any] = {}
    for name, entry in schema.get("properties", {}).items():
        if name in required or random.random() < 0.5:
            values[name] = _named(random, found, name, bands, entry, schema, name in names)
    if "formula" in values:
        values["formula"] = random.choice(FORMULAS).format(a=_word(random, bands), b=_word(random, bands))
        values.setdefault("variables", {"t": 0.3})
        values.pop("bands", None)
    return values


def _named(
    random: Random, found: Operator, name: str, bands: tuple[str, ...], entry: Any, root: Any, band: bool
) -> Any:
    several = "array" in {part.get("type") for part in (entry, *entry.get("anyOf", ()))}
    if name == "bands":
        if not band and random.random() < 0.8:
            return tuple(random.sample(NAMES, len(bands))) if len(bands) < len(NAMES) else bands
        return tuple(_word(random, bands) for _ in range(random.randint(1, 3)))
    if band:
        return (_word(random, bands),) if several else _word(random, bands)
    if name in LIKELY and random.random() < 0.9:
        return random.choice(LIKELY[name])
    return _any(random, entry, root)


def _word(random: Random, bands: tuple[str, ...]) -> str:
    return random.choice(bands) if bands and random.random() < 0.9 else random.choice(("red", "nonsense", ""))


def _any(random: Random, entry: Any, root: Any) -> Any:
    """A value of a JSON schema."""
    if "$ref" in entry:
        return _any(random, root["$defs"][entry["$ref"].rpartition("/")[2]], root)
    if "anyOf" in entry:
        return _any(random, random.choice(entry["anyOf"]), root)
    if "enum" in entry or "const" in entry:
        return random.choice(entry.get("enum", [entry.get("const")]))
    kind = entry.get("type")
    if kind in ("number", "integer"):
        return _number(random, entry, whole=kind == "integer")
    if kind == "array":
        parts = entry.get("prefixItems") or [entry["items"]] * max(entry.get("minItems", 1), random.randint(0, 3))
        return tuple(_any(random, part, root) for part in parts)
    if kind == "object":
        return {name: _any(random, part, root) for name, part in entry.get("properties", {}).items()}
    return {"boolean": random.random() < 0.5, "null": None}.get(kind, random.choice(("", "x", "2023-05-01")))


def _number(random: Random, entry: Any, whole: bool) -> float | int:
    low, high = entry.get("minimum", entry.get("exclusiveMinimum")), entry.get("maximum")
    ends = [end for end in (low, high) if end is not None]
    value = random.choice((*ends, *NUMBERS)) if random.random() < 0.6 or len(ends) < 2 else random.uniform(low, high)
    if (low is not None and value < low) or (high is not None and value > high):
        value = random.choice(ends)
    return int(value) if whole else float(value)
