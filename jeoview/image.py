"""A handle on a node: what a notebook holds.

Every operator of the registry is a method here; the methods are made from the operators' own
signatures, and ``image.pyi``, which editors read, is generated from the same (a test keeps it true).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from html import escape
from typing import Any

from jeoview import chain
from jeoview.describe import describe
from jeoview.errors import ParameterError
from jeoview.graph import Node, Parameter, parameters
from jeoview.make import make
from jeoview.operator import REGISTRY, Mode, Operator, Schema, find
from jeoview.projection import Bounds
from jeoview.quantities import short
from jeoview.raster import Kind
from jeoview.words import hint_text, readable

Operand = Any  # an Image, a number or a slider parameter
_LINE_CHECKS: list[Callable[[Node], None]] = []


class Image:
    """An image that is described and not yet computed.

    Parameters
    ----------
    node : Node
        The result of the chain; made by a collection, `jeoview.open` or an operator.
    """

    __slots__ = ("node",)
    # numpy would take an image for a list; so ``numpy.float32(2) * image`` is left to the image.
    __array_ufunc__ = None

    def __init__(self, node: Node) -> None:
        if not isinstance(node, Node):
            raise ParameterError(
                f"Image got {short(node)}; an image comes from jeoview.open(path), from a collection, or from "
                "Image.from_chain(text)"
            )
        self.node = node

    @classmethod
    def from_chain(cls, text: str) -> Image:
        """The image of a chain text, as `chain` gave it or as a file's metadata holds it.

        Raises
        ------
        ChainError
            If the text was altered or is not a chain.
        """
        return cls(chain.decode(text))

    @property
    def chain(self) -> str:
        """The chain as canonical JSON text."""
        return chain.encode(self.node)

    @property
    def key(self) -> str:
        """Hash of the whole chain: equal work has equal keys everywhere."""
        return self.node.key

    @property
    def schema(self) -> Schema:
        """Kind, bands, unit and extent, known without reading a pixel."""
        return describe(self.node)

    @property
    def kind(self) -> Kind:
        """Bands, series, table or colour."""
        return self.schema.kind

    @property
    def bands(self) -> tuple[str, ...]:
        """Band names."""
        return self.schema.bands

    @property
    def unit(self) -> str:
        """Unit of all bands but the quality bands, empty where they have none or different ones."""
        return self.schema.unit

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of the values of each band, empty where they have none."""
        return dict(self.schema.units)

    @property
    def bbox(self) -> Bounds | None:
        """(west, south, east, north) in degrees, where it is known."""
        return self.schema.bbox

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The slider parameters of the chain by name."""
        return parameters(self.node)

    def __getitem__(self, bands: str | list[str] | tuple[str, ...]) -> Image:
        """Choose bands by name or common name."""
        names = bands if isinstance(bands, (list, tuple)) else (bands,)
        return apply("select", (self,), {"bands": names})

    def __repr__(self) -> str:
        unit = f" {shown}" if (shown := self._units_shown()) else ""
        return f"<jeoview.Image {self.kind.value} {list(self.bands)}{unit} {self.node.operator} {self.key[:12]}>"

    def _units_shown(self) -> str:
        """The unit of all bands, or those of the bands one by one where they differ."""
        units = self.schema.units.values()
        return self.unit or (", ".join(unit or "none" for unit in units) if any(units) else "")

    def _repr_html_(self) -> str:
        rows = {
            "kind": self.kind.value,
            "bands": ", ".join(self.bands),
            "unit": self._units_shown() or "none",
            "last step": self.node.operator,
            "parameters": ", ".join(self.parameters) or "none",
            "key": self.key[:16] + "…",
        }
        cells = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
        return f"<table><caption>jeoview.Image, not computed yet</caption>{cells}</table>"

    def __bool__(self) -> bool:
        """Refused: an image has no one truth value.

        Raises
        ------
        ParameterError
            Always; it says to use ``& | ~``.
        """
        raise ParameterError(
            "an image is not true or false; join conditions with & | ~ (in brackets) and choose with .where()"
        )

    def __iter__(self) -> Any:
        raise ParameterError("an image cannot be iterated; its band names are image.bands")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise ParameterError(
            "an image has no values yet; compute those of an area with .to_numpy(bounds=..., zoom=...)"
        )

    def __hash__(self) -> int:
        return hash(self.node)


def node_of(value: Any) -> Any:
    """The node of an image or of what gives one by ``.image()``; anything else as it is."""
    if isinstance(value, Image):
        return value.node
    if hasattr(value, "image") and callable(value.image):
        return node_of(value.image())
    return value


def apply(name: str, images: Iterable[Any], values: Mapping[str, Any]) -> Image:
    """Apply an operator by name.

    Parameters
    ----------
    images : iterable
        Images, collections, numbers or slider parameters, in the operator's order.
    values : mapping
        Its parameters.

    Raises
    ------
    ParameterError, BandError
        If something does not fit.
    """
    node = make(name, tuple(node_of(image) for image in images), values)
    for check in _LINE_CHECKS:
        check(node)
    return Image(node)


def check_lines(check: Callable[[Node], None]) -> None:
    """Have a function asked about every node that a line makes, and about none that a text holds.

    Parameters
    ----------
    check : function
        Raises what it refuses. Who stands above this module may know more than the chain says, the collections the dates of
        its scenes.
    """
    _LINE_CHECKS.append(check)


def _signature(found: Operator) -> inspect.Signature:
    """``self``, the other images, then the parameters, which may be given by position as well."""
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    shown = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    for item in found.inputs[1:]:
        default = None if item.optional else inspect.Parameter.empty
        shown.append(inspect.Parameter(item.name, positional, default=default, annotation="Operand"))
    if found.inputs[0].variadic:
        shown.append(inspect.Parameter(found.inputs[0].name, inspect.Parameter.VAR_POSITIONAL, annotation="Operand"))
    kind = inspect.Parameter.KEYWORD_ONLY if found.inputs[0].variadic else positional
    for name, entry in found.model.model_fields.items():
        default = inspect.Parameter.empty if entry.is_required() else entry.default
        hint = hint_text(entry.rebuild_annotation())
        shown.append(inspect.Parameter(name, kind, default=default, annotation=hint))
    return readable(inspect.Signature(shown, return_annotation="Image"))


def bound(name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name.

    Raises
    ------
    ParameterError
        If they do not fit the signature; the message shows it.
    """
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        known = [item for item in signature.parameters.values() if item.name not in ("self", "cls")]
        shown = ", ".join(_name_and_default(item) for item in known)
        raise ParameterError(f"{name}: {_wrong_word(kwargs, known) or error}; it takes ({shown})") from None


def _wrong_word(given: Mapping[str, Any], known: list[inspect.Parameter]) -> str:
    """The first name that is not among the known ones, and the nearest of these; empty where all are known."""
    unknown = next((word for word in given if word not in {item.name for item in known}), None)
    if unknown is None or any(item.kind is inspect.Parameter.VAR_KEYWORD for item in known):
        return ""
    near = get_close_matches(unknown, [item.name for item in known], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"got an unexpected keyword argument {unknown!r}{hint}"


def _name_and_default(item: inspect.Parameter) -> str:
    return str(item.replace(annotation=inspect.Parameter.empty))


def _method(found: Operator) -> Callable[..., Image]:
    signature = _signature(found)

    def method(*args: Any, **kwargs: Any) -> Image:
        given = bound(found.name, signature, args, kwargs)
        images = [given.pop("self")]
        for item in found.inputs:
            images.extend(
                given.pop(item.name, ()) if item.variadic else [given.pop(item.name)] if item.name in given else []
            )
        return apply(found.name, images, given)

    method.__name__ = found.name
    method.__qualname__ = f"Image.{found.name}"
    method.__doc__ = found.help
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method


_KEYWORDS = {"and", "or", "not"}
_OPERATORS = {
    "__add__": "add",
    "__sub__": "subtract",
    "__mul__": "multiply",
    "__truediv__": "divide",
    "__pow__": "power",
    "__lt__": "lt",
    "__le__": "lte",
    "__gt__": "gt",
    "__ge__": "gte",
    "__eq__": "eq",
    "__ne__": "neq",
    "__and__": "and",
    "__or__": "or",
}
_REFLECTED = {
    "__radd__": "add",
    "__rsub__": "subtract",
    "__rmul__": "multiply",
    "__rtruediv__": "divide",
    "__rpow__": "power",
    "__rand__": "and",
    "__ror__": "or",
}


def methods() -> dict[str, Operator]:
    """The operators that are methods of an image, by name."""
    return {
        name: found
        for name, found in sorted(REGISTRY.items())
        if found.mode is not Mode.SOURCE and name not in _KEYWORDS
    }


def attach_operators(cls: type) -> None:
    """Give a class every operator as a method, and Python's own operators.

    Parameters
    ----------
    cls : type
        `Image`, or a class with a method ``image()`` such as a collection.
    """
    for name, found in methods().items():
        setattr(cls, name, _method(found))
    for special, name in _OPERATORS.items():
        setattr(cls, special, _binary(name, reflected=False))
    for special, name in _REFLECTED.items():
        setattr(cls, special, _binary(name, reflected=True))
    for special, name in {"__invert__": "not", "__abs__": "absolute"}.items():
        setattr(cls, special, _unary(name))
    for special, function in {"__neg__": _negate, "__getattr__": _no_attribute}.items():
        setattr(cls, special, function)


def _no_attribute(self: Any, name: str) -> Any:
    """Refused, with the nearest names: there are more methods than one remembers."""
    known = [other for other in dir(type(self)) if not other.startswith("_")]
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}", name=name, obj=self)


def _negate(self: Any) -> Image:
    """0 - x."""
    return apply("subtract", (0.0, self), {})


def _unary(name: str) -> Callable[[Any], Image]:
    def method(self: Any) -> Image:
        return apply(name, (self,), {})

    method.__doc__ = find(name).summary
    return method


def _binary(name: str, *, reflected: bool) -> Callable[[Any, Operand], Image]:
    def method(self: Any, other: Operand) -> Image:
        return apply(name, (other, self) if reflected else (self, other), {})

    method.__doc__ = find(name).summary
    return method


attach_operators(Image)
