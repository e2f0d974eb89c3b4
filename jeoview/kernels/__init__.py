"""Loops over plain arrays, compiled by numba: no CRS, no graph, no I/O."""
