"""The reference of operators says what the registry says."""

from __future__ import annotations

import re

from jeoview.operator import REGISTRY
from jeoview.recipes import RECIPES
from scripts.generate_docs import PATH, generate, is_current


def test_the_reference_is_up_to_date() -> None:
    assert is_current(), f"{PATH.name} is out of date: run python scripts/generate_docs.py"


def test_every_operator_and_recipe_has_an_entry_with_its_parameters() -> None:
    entries = re.split(r"^### ", generate(), flags=re.M)[1:]
    by_name = {re.match(r"`(\w+)`", entry).group(1): entry for entry in entries}  # type: ignore[union-attr]
    assert set(by_name) == set(REGISTRY) | set(RECIPES)
    for name, found in REGISTRY.items():
        texts = [entry for entry in entries if entry.startswith(f"`{name}`")]
        for parameter in set(found.parameters) - {"region", "zoom"}:
            assert any(re.search(rf"^- .*`{parameter}`", text, re.M) for text in texts), f"{name}({parameter})"
