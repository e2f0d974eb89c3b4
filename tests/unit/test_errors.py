"""A warning names the line of the user, however many functions of the package lie between."""

from __future__ import annotations

from pathlib import Path

import pytest

from jeoview.errors import PACKAGE, warn


def through(depth: int, filename: str) -> None:
    """Call ``warn`` from below so many functions of a file."""
    names: dict[str, object] = {"call": warn}
    for _ in range(depth):
        inner = names["call"]
        names = {"inner": inner}
        exec(compile("def call(text): inner(text)", filename, "exec"), names)  # noqa: S102
    names["call"]("look here")  # type: ignore[operator]


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_a_warning_points_out_of_the_package(depth: int) -> None:
    with pytest.warns(UserWarning, match="look here") as caught:
        through(depth, f"{PACKAGE}recipes.py")
    assert [Path(one.filename).name for one in caught] == ["test_errors.py"]


def test_a_folder_of_a_similar_name_is_not_the_package() -> None:
    with pytest.warns(UserWarning, match="look here") as caught:
        through(2, PACKAGE.rstrip("/") + "_of_a_user/line.py")
    assert caught[0].filename.endswith("_of_a_user/line.py")
