"""Loops over plain arrays, compiled by numba: no CRS, no graph, no I/O."""

from jeoview.kernels.kept import install

# Before any kernel is decorated: importing one of them imports this first.
install()
