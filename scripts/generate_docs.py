"""Write docs/operators.md, the reference of operators, from the registry: run it when the test of it fails."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import jeoview.operators
from jeoview.image import methods
from jeoview.operator import REGISTRY, Mode, Operator
from jeoview.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "docs" / "operators.md"
HEAD = """# Operators

<!-- Written by scripts/generate_docs.py from the registry; change the operators, not this file. -->

Every operator is a method of `jv.Image`; those that take a series are methods of collections too. A method that is given
a collection's scenes works on each of them. The server answers the same as JSON at `/operators`, with a JSON Schema
of the parameters.

**Mode** says which pixels an operator needs. *pixel*: the same pixel of its inputs. *neighbourhood*: also those around it. *full*: a whole area,
the view of the map or a fixed region. *fit*: a small table from a declared region, which other operators apply. *source*: files.

**Nodata** is NaN. *any*: NaN in any input is NaN in the result. *skip*: NaN is left out. *centre*: NaN where the pixel itself is NaN. *own*:
the text says.
"""
RECIPE_HEAD = """## Short names

A recipe is a few operators in one call. It makes no operator of its own, so a chain holds only the operators above.
"""
WORDS = {"and": "&", "or": "|", "not": "~"}


def generate() -> str:
    """The text of the reference."""
    parts = [HEAD]
    for family in jeoview.operators.__all__:
        module = import_module(f"jeoview.operators.{family}")
        found = [one for one in REGISTRY.values() if one.function.__module__ == module.__name__]
        if found:
            title = (module.__doc__ or family).split("\n", 1)[0].rstrip(".")
            parts += [f"## {title}\n", *(_operator(one) for one in found)]
    parts += [RECIPE_HEAD, *(_recipe(name, RECIPES[name]) for name in sorted(RECIPES))]
    return "\n".join(parts)


def _operator(found: Operator) -> str:
    inputs = ", ".join(
        f"{'*' if item.variadic else ''}{item.name}: {item.kind.value}{' or number' if item.scalar else ''}"
        for item in found.inputs
    )
    facts = f"{found.mode.value} · {inputs or 'nothing'} → {found.kind.value} · nodata: {found.nodata}"
    name = f"`{found.name}`" + (f" (`{WORDS[found.name]}`)" if found.name in WORDS else "")
    hidden = found.name not in methods() and found.mode is not Mode.SOURCE and found.name not in WORDS
    lines = [
        f"### {name}\n",
        f"{facts} · version {found.version}\n",
        *_text(inspect.getdoc(found.function) or "", found),
    ]
    return "\n".join([*lines, *(["No method of its own.\n"] if hidden else [])])


def _recipe(name: str, recipe: Callable[..., Any]) -> str:
    return "\n".join([f"### `{name}`\n", *_text(inspect.getdoc(recipe) or "", None)])


def _text(doc: str, found: Operator | None) -> Iterator[str]:
    head, *sections = re.split(r"\n\n(?=[A-Z]\w+\n-{3,}\n)", f"{doc}")
    yield f"{_code(head)}\n"
    for section in sections:
        title, _, body = section.split("\n", 2)
        if title == "Parameters":
            yield from (f"- {line}" for line in _parameters(body, found))
            yield ""
        else:
            yield f"*{title}*: {_code(_entries(body))}\n"


def _parameters(body: str, found: Operator | None) -> Iterator[str]:
    for names, kind, text in re.findall(r"^(\S[^\n:]*?) : ([^\n]*)\n((?:    [^\n]*\n?|\n(?=    ))*)", body, re.M):
        default = _default(names, found)
        shown = ", ".join(f"`{name.strip()}`" for name in names.split(","))
        yield f"{shown} ({kind}{default}): {_code(' '.join(text.split()))}"


def _default(names: str, found: Operator | None) -> str:
    if found is None:
        return ""
    fields = [found.model.model_fields.get(name.strip()) for name in names.split(",")]
    values = [repr(field.default) for field in fields if field is not None and not field.is_required()]
    return f", default {', '.join(values)}" if values and "optional" not in names else ""


def _entries(body: str) -> str:
    """``name`` on a line and its text below, as sentences."""
    parts = re.findall(r"^(\S[^\n]*)\n((?:    [^\n]*\n?|\n(?=    ))*)", body + "\n", re.M)
    return " ".join(f"{name}: {' '.join(text.split())}" if text.strip() else name for name, text in parts) or body


def _code(text: str) -> str:
    return text.replace("``", "`")


def is_current() -> bool:
    """Whether the reference on disk is what would be written."""
    return PATH.exists() and PATH.read_text(encoding="utf-8") == generate()


def main() -> int:
    """Write the reference."""
    PATH.write_text(generate(), encoding="utf-8")
    print(PATH.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
