"""Simulated collections to start with: deterministic, physically plausible, and labelled as simulated."""

from jeoview.demo.build import prepare, vectors_path

__all__ = ["prepare", "vectors_path"]
