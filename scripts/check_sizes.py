"""Hold the limits of design 10 that no linter knows: lines of a function, lines of a file."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FUNCTION = 60
MAX_FILE = 400
MAX_MEDIAN = 10
FOLDERS = ("jeoview", "tileserver")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield name and number of lines of each function, its docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


def main() -> int:
    """Print what is too long; 1 if anything is."""
    files = [path for folder in FOLDERS for path in sorted(Path(folder).rglob("*.py"))]
    found: list[str] = []
    sizes: list[int] = []
    for path in files:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE:
            found.append(f"{path}: {lines} lines, at most {MAX_FILE}")
        for name, size in functions(path):
            sizes.append(size)
            if size > MAX_FUNCTION:
                found.append(f"{path}: {name} has {size} lines, at most {MAX_FUNCTION}")
    median = statistics.median(sizes) if sizes else 0
    if median > MAX_MEDIAN:
        found.append(f"the median function has {median} lines, at most {MAX_MEDIAN}")
    print("\n".join([*found, f"{len(files)} files, {len(sizes)} functions, median {median:g} lines"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
