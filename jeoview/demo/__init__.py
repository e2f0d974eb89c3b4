"""Simulated collections to start with: deterministic, physically plausible, and labelled as simulated."""

from jeoview.demo.build import prepare, vectors_path
from jeoview.demo.insar import prepare_insar, truth

__all__ = ["prepare", "prepare_insar", "truth", "vectors_path"]
