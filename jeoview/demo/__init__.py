"""Simulated collections to start with: deterministic, physically plausible, and labelled as simulated."""

from jeoview.demo.build import prepare, vectors_path
from jeoview.demo.insar import prepare_insar, truth
from jeoview.demo.slc import prepare_slc, slc_truth

__all__ = ["prepare", "prepare_insar", "prepare_slc", "slc_truth", "truth", "vectors_path"]
