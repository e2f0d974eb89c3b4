"""Finds the tile server or starts it, and hands chains over."""

from jeoview.session.address import Address, code_version
from jeoview.session.client import Session

__all__ = ["Address", "Session", "code_version"]
