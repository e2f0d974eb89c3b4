"""Print `name==version` of everything that jeoview and its extras need in this environment.

`make pin` writes constraints.txt with it: what was tested is what is installed elsewhere.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("test", "check")


def collect(name: str, extras: set[str], seen: dict[str, set[str]]) -> None:
    """Add a package, with the extras that are asked of it, and all that it requires."""
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:
        # a library may name what it only needs on another system
        return
    known = seen.setdefault(canonicalize_name(name), set())
    new = (extras | {""}) - known
    known |= new
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if new and (marker is None or any(marker.evaluate({"extra": extra}) for extra in new)):
            collect(requirement.name, set(requirement.extras), seen)


def main() -> None:
    """Print the pins."""
    seen: dict[str, set[str]] = {}
    collect("jeoview", set(EXTRAS), seen)
    seen.pop("jeoview")
    print("# What jeoview was tested with. Written by `make pin`.")
    for name in sorted(seen):
        print(f"{name}=={distribution(name).version}")


if __name__ == "__main__":
    main()
