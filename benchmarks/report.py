"""What a run of the benchmarks writes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """Lines of RESULTS.md."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def section(self, title: str, *columns: str) -> None:
        self.add(f"\n## {title}\n")
        self.add("| " + " | ".join(columns) + " |")
        self.add("|" + "---|" * len(columns))

    def row(self, *cells: object) -> None:
        self.add("| " + " | ".join(str(cell) for cell in cells) + " |")


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median and range."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
