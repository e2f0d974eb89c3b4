"""Types of parameters in words: for signatures, stubs and messages."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from jeoview.errors import choices
from jeoview.quantities import BandReference, Box, Metres, short


def hint_text(hint: Any) -> str:
    """The type of a parameter as a user may give it: lists for tuples, slider parameters for numbers."""
    return " | ".join(dict.fromkeys(part for option in _options(hint) for part in _hints(option)))


def _options(hint: Any) -> tuple[Any, ...]:
    """The types that a hint allows, its marks left out."""
    if get_origin(hint) is Annotated:
        return _options(get_args(hint)[0])
    return get_args(hint) if isinstance(hint, types.UnionType) or get_origin(hint) is Union else (hint,)


def _hints(hint: Any) -> list[str]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _hints(inner[0])
    if origin is Literal:
        return [f"Literal[{', '.join(map(repr, inner))}]", "Parameter"]
    if origin is tuple:
        return [f"Sequence[{' | '.join(dict.fromkeys(hint_text(one) for one in inner if one is not ...))}]"]
    if origin is dict:
        return [f"Mapping[{', '.join('str' if one is str else hint_text(one) for one in inner)}]"]
    if hint in (bool, int, float, str):
        return [hint.__name__, "Parameter"]
    if hint is Metres:
        return ["Metres", "Mapping[str, Parameter]"]
    if _is_model(hint):
        return ["Mapping[str, Any]"]
    return ["None" if hint is type(None) else "Any"]


def is_list_of_text(hint: Any) -> bool:
    """Whether a parameter is a list of texts and nothing else: one text may then stand for a list of one."""
    inner = get_args(hint)
    if get_origin(hint) is Annotated:
        return is_list_of_text(inner[0])
    return get_origin(hint) is tuple and inner[1:] == (...,) and _options(inner[0]) == (str,)


class Told:
    """An annotation that a signature shows as the text it is, without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def readable(signature: inspect.Signature) -> inspect.Signature:
    """The same signature, its annotations as they stand in the stubs, for ``help`` and Shift+Tab."""
    shown = [
        item.replace(annotation=item.empty if item.name == "self" else _told(item.annotation))
        for item in signature.parameters.values()
    ]
    return signature.replace(parameters=shown, return_annotation=_told(signature.return_annotation))


def _told(annotation: Any) -> Any:
    return Told(annotation) if isinstance(annotation, str) else annotation


def _is_model(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, BaseModel)


_WORDS = {bool: "True or False", int: "a whole number", float: "a number", str: "text", type(None): "None"}
_PLURALS = (
    *(("a whole number", "whole numbers"), ("a number", "numbers"), ("text", "texts")),
    *(("a dict", "dicts"), ("a band", "bands")),
)


def expected(hint: Any) -> str:
    """What a parameter may be, in words: ``a whole number from 0 to 4096 or jeoview.metres(length)``."""
    if hint == Box:
        return "(west, south, east, north) in degrees"
    if get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        return "a band" if is_marked(hint, BandReference) else expected(inner) + _limits(marks)
    options = _options(hint)
    return _in_words(hint) if len(options) == 1 else " or ".join(dict.fromkeys(map(expected, options)))


def _in_words(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        *others, last = map(repr, inner)
        return f"{', '.join(others)} or {last}" if others else last
    if origin is tuple:
        one = expected(inner[0])
        return f"a list of {next((one.replace(word, many, 1) for word, many in _PLURALS if one.startswith(word)), one)}"
    if hint is Metres:
        return "jeoview.metres(length)"
    if _is_model(hint):
        return f"a dict of {', '.join(hint.model_fields)}"
    return "a dict" if dict in (origin, hint) else _WORDS.get(hint, "another value")


def is_marked(hint: Any, mark: type) -> bool:
    """Whether a type carries a mark, such as `jeoview.quantities.BandReference`."""
    return get_origin(hint) is Annotated and any(isinstance(one, mark) for one in get_args(hint))


def names_band(hint: Any) -> bool:
    """Whether a parameter names a band, or several."""
    return is_marked(hint, BandReference) or any(names_band(option) for option in get_args(hint) if option is not ...)


def refusal(
    operator: str, model: type[BaseModel], error: ValidationError, values: Mapping[str, Any], bands: Sequence[str]
) -> str:
    """What is said of a value that does not fit.

    Parameters
    ----------
    operator : str
        Its name.
    model : BaseModel
        Its parameters.
    error : ValidationError
        What pydantic says.
    values : mapping
        As they were given.
    bands : sequence of str
        Those of the image.
    """
    # A name that does not exist says more than the one that is missing for it.
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    name = str(first["loc"][0]) if first["loc"] else ""
    if name not in model.model_fields:
        return f"{operator}: no parameter {short(name)}; {choices(name[:64], model.model_fields)}"
    hint = model.model_fields[name].rebuild_annotation()
    if name not in values:
        return f"{operator}: parameter {name!r} is missing; expected {expected(hint)}"
    own = [item["msg"] for item in error.errors() if item["loc"][:1] == (name,) and item["type"] == "value_error"]
    reasons = [message.removeprefix("Value error, ") for message in dict.fromkeys(own)]
    known = f"; the image has {list(bands)}" if bands and names_band(hint) else ""
    return f"{operator}({name}={short(values[name])}): {'; or '.join(reasons) or 'expected ' + expected(hint) + known}"


def _limits(marks: Sequence[Any]) -> str:
    """What stands beside a type: the ends of a range, the number of letters or entries, the form of a text."""
    example = next((mark.examples[0] for mark in marks if isinstance(mark, FieldInfo) and mark.examples), None)
    single = [one for mark in marks for one in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    names = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
    known = {name: getattr(one, name) for name in names for one in single if getattr(one, name, None) is not None}
    shown = {
        "ge": "from {:g}",
        "gt": "above {:g}",
        "le": "to {:g}" if "ge" in known else "up to {:g}",
        "lt": "below {:g}",
        "min_length": "(at least {})",
        "max_length": "(at most {})",
        "pattern": "of the form {}" if example is None else f"such as {example!r}",
    }
    text = "".join(f" {words.format(known[name])}" for name, words in shown.items() if name in known)
    return text.replace(") (", ", ")
