"""The README's tables say what the code says, and its Python lines are Python."""

from __future__ import annotations

import ast
import re
from dataclasses import fields

import pytest

from jeoview import cli, errors
from jeoview.catalog.places import GEOCODER
from jeoview.settings import Settings
from tests.conftest import ROOT
from tileserver.app import ROUTES
from tileserver.failures import STATUS
from tileserver.settings import TOKEN_VARIABLE

README = (ROOT / "README.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading that begins with these words."""
    _, _, after = README.partition(heading)
    table = re.search(r"(?:^\|.*\n)+", after, re.M)
    assert table is not None
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in table[0].splitlines()[2:]]


def test_every_error_has_its_status_and_class() -> None:
    classes = {
        found.code: f"`{name}`"
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.JeoviewError) and found.code != "Internal"
    }
    expected = [[f"`{code}`", str(status), classes.get(code, "")] for code, status in STATUS.items()]
    assert sorted(row[:3] for row in rows("## Errors")) == sorted(expected)


def test_every_address_is_told() -> None:
    told = {
        re.sub(r"\{\w+\}", "*", path)
        for row in rows("## Tile server")
        for path in re.findall(r"[A-Z]+ ([^`]+)`", row[0])
    }
    served = {re.sub(r"\(\?P<\w+>(?:\[[^]]*\][^)]*|[^)]*)\)", "*", path).replace("\\", "") for path, _ in ROUTES}
    assert told == served


def test_every_variable_has_its_default() -> None:
    told = {row[0].strip("`"): row[1] for row in rows("## Settings")}
    numbers = {f"JEOVIEW_{field.name.upper()}": field.default for field in fields(Settings) if field.type == "int"}
    others = {f"JEOVIEW_{name}" for name in ("HOME", "STORE", "CATALOG", "ROOTS")} | {GEOCODER, TOKEN_VARIABLE}
    assert set(told) == set(numbers) | others
    assert {name: int(told[name].split()[0]) for name in numbers} == numbers


def test_every_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = {re.findall(r"`jeoview (\w+)", row[0])[0] for row in rows("**Your own data.**")}
    with pytest.raises(SystemExit):
        cli.main(["?"])
    assert told == set(re.findall(r"'(\w+)'", capsys.readouterr().err.partition("choose from")[2]))


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_its_python_is_python() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    assert len(blocks) > 4
    for block in blocks:
        ast.parse(block)
