"""Hold pyproject.toml to the code: what is imported is declared, what is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

OURS = {"jeoview", "tileserver"}
# started as programs or found by Jupyter, never imported
PROGRAMS = {"jupyterlab", "jupyter-server-proxy"}


def imported(path: Path) -> Iterator[str]:
    """Yield the top names of all absolute imports of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def distributions(names: set[str]) -> dict[str, set[str]]:
    """Return for each top name the distributions that bring it."""
    known = packages_distributions()
    return {name: {re.sub(r"[-_.]+", "-", found).lower() for found in known.get(name, [])} for name in names}


def main() -> int:
    """Print what does not agree; 1 if anything does not."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[^\w-]", text)[0] for text in project["dependencies"]}
    files = [path for folder in sorted(OURS) for path in sorted(Path(folder).rglob("*.py"))]
    names = {name for path in files for name in imported(path)} - OURS - set(sys.stdlib_module_names)
    needed = distributions(names)
    found = [f"{name} is imported, not declared" for name in sorted(names) if not needed[name] & declared]
    unused = declared - PROGRAMS - set().union(*needed.values())
    found += [f"{name} is declared, not imported" for name in sorted(unused)]
    print("\n".join([*found, f"{len(declared)} dependencies, {len(names)} imported packages"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
