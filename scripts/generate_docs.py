"""Write docs/operators.md from the registry and docs/collections.md from docstrings: run it when a test of them fails."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import jeoview as jv
import jeoview.operators
from jeoview.export import EXITS
from jeoview.image import methods
from jeoview.io.products.generic import FileOptions
from jeoview.operator import REGISTRY, Mode, Operator
from jeoview.recipes import RECIPES
from scripts.examples import EXAMPLES, SETUP

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
COLLECTIONS_PATH = ROOT / "docs" / "collections.md"
COLLECTIONS_HEAD = f"""# Collections, readers and exits

<!-- Written by scripts/generate_docs.py from docstrings and scripts/examples.py; change these, not this file. -->

What opens data, chooses among it, measures it and lets it out again. What turns pixels into pixels is in
[operators.md](operators.md); which product is opened by what in [products.md](products.md); the map in [map.md](map.md).
A method gives a new collection and changes nothing. A wrong name in a call is answered with the near one.

The examples run after these lines, on the demo collections (`jeoview demo`) and on files of your own:

```python
{SETUP.strip()}
```
"""
# Methods of every image, which stand in the page of operators.
EVERYWHERE = ("annual_steps",)
TITLES = ("Scenes", "Interferograms", "Complex images", "Points")
EXITS_ABOUT = """Methods of every image and of collections of scenes; `to_gif` where there are dates. Others start at `.image()`."""
EXIT_ORDER = ("to_geotiff", "to_numpy", "to_xarray", "to_png", "to_gif", "to_kmz", "to_csv", "profile", "isolines")
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


# -- collections ---------------------------------------------------------------------------------


def collections() -> str:
    """The text of the page of collections, readers and exits."""
    parts = [COLLECTIONS_HEAD]
    for title, about, entries in _sections():
        parts += [f"## {title}\n", f"{about}\n", *(_entry(name, value) for name, value in entries.items())]
    return "\n".join(parts)


def _sections() -> list[tuple[str, str, dict[str, Any]]]:
    """Title, a word before it, and what the section holds by the name that a user writes."""
    classes: tuple[type, ...] = (jv.ImageCollection, jv.InterferogramCollection, jv.SlcCollection, jv.PointCollection)
    readers: dict[str, Any] = {"open": jv.open, "open_series": jv.open_series, "open_points": jv.open_points}
    for cls in classes[:3]:
        made = {f"{cls.__name__}.{name}": value for name, value in own(cls).items() if name.startswith("from_")}
        readers |= {cls.__name__: cls, **made}
    sections = [
        ("Open", "Files on disk, and collections of the catalogue (`jeoview collections` lists them).", readers)
    ]
    for cls, title in zip(classes, TITLES, strict=True):
        methods_ = {name: value for name, value in own(cls).items() if not name.startswith("from_")}
        said = [f"`{name}`: {_first(value)}" for name, value in methods_.items() if isinstance(value, property)]
        about = "Properties. " + " ".join(said) if said else ""
        entries = {f"{cls.__name__}.{n}": value for n, value in methods_.items() if not isinstance(value, property)}
        sections.append((title, about, entries))
    exits = {**EXITS, "export_package": jv.export_package, "open_chain": jv.open_chain}
    order = [*(name for name in EXIT_ORDER if name in exits), *(name for name in exits if name not in EXIT_ORDER)]
    sections.append(("Exits", EXITS_ABOUT, {name: exits[name] for name in order}))
    return sections


def own(cls: type) -> dict[str, Any]:
    """The public methods and properties that a collection has of its own, as they stand in its module."""
    found = {name: value for name, value in vars(cls).items() if not name.startswith("_")}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, (property, classmethod))
        or (inspect.isfunction(value) and value.__module__.startswith("jeoview.collection") and name not in EVERYWHERE)
    }


def _first(value: Any) -> str:
    return _code(" ".join((inspect.getdoc(value) or "").split("\n\n")[0].split()))


def _entry(name: str, value: Any) -> str:
    function = value.__func__ if isinstance(value, classmethod) else value
    doc = inspect.getdoc(function) or ""
    if inspect.isclass(function):
        # The other fields are what its methods change.
        doc = re.sub(r"(\nname : .*\n    .*\n)(?:\S+ : .*\n(?:    .*\n)+)*", r"\1", doc)
    if name == "open":
        doc = doc.replace("**options\n    As `ImageCollection.from_files`.", _options())
    example = EXAMPLES.get(name)
    lines = [f"### `{name}`\n", f"`{_call(name, function)}`\n", *_text(doc, None)]
    return "\n".join([*lines, *([f"```python\n{example}\n```\n"] if example else [])])


def _options() -> str:
    """The options of files, as parameters of `jeoview.open`."""
    doc = inspect.getdoc(FileOptions) or ""
    return doc.partition("----------\n")[2].strip()


def _call(name: str, function: Callable[..., Any]) -> str:
    """A call as it is written: names and defaults."""
    if inspect.isclass(function):
        return f"{name}(name)"
    listed = list(inspect.signature(function).parameters.values())
    shown: list[str] = []
    for item in (one for one in listed if one.name not in ("self", "cls")):
        if item.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        shown.append(str(item.replace(annotation=inspect.Parameter.empty)))
    return f"{name}({', '.join(shown)})"


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
    entry = r"^(\S[^\n:]*?)(?: : ([^\n]*))?\n((?:    [^\n]*\n?|\n(?=    ))+)"
    for names, kind, text in re.findall(entry, body + "\n", re.M):
        about = f" ({kind}{_default(names, found)})" if kind else ""
        shown = ", ".join(f"`{name.strip()}`" for name in names.split(","))
        yield f"{shown}{about}: {_code(' '.join(text.split()))}"


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


def is_current(path: Path = PATH) -> bool:
    """Whether a page on disk is what would be written."""
    return path.exists() and path.read_text(encoding="utf-8") == PAGES[path]()


def main() -> int:
    """Write the pages."""
    for path, text in PAGES.items():
        path.write_text(text(), encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


PAGES: dict[Path, Callable[[], str]] = {PATH: generate, COLLECTIONS_PATH: collections}


if __name__ == "__main__":
    sys.exit(main())
