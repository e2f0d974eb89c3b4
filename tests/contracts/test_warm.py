"""What installing compiles is what operators call: nobody waits for a compiler in front of a map."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import ROOT

# In a process of its own, for tests before this one have used kernels too.
COMPARE = """
import importlib, json, pkgutil, sys
import jeoview.kernels
from numba.core.dispatcher import Dispatcher

def compiled():
    for module in pkgutil.iter_modules(jeoview.kernels.__path__, "jeoview.kernels."):
        for name, found in vars(importlib.import_module(module.name)).items():
            if isinstance(found, Dispatcher):
                yield from (f"{name}{signature}" for signature in found.signatures)

from tileserver import warm
warm.compile_all()
before = set(compiled())
from tests.samples import SAMPLES
from tests.synthetic import grid_at, render
area = grid_at(12, 10.0, 44.03, 40, 50)
for sample in SAMPLES:
    render(sample.image, area, view=area)
from tests.contracts.test_native_seams import RADAR
from tests.synthetic import raster, slc
raster(slc("5", **RADAR).first().amplitude(), area)
from jeoview import locators
from jeoview.grid import Frame
from tests.unit import test_slc, test_slc_lookup
locators.tabulated(test_slc_lookup.rough, test_slc_lookup.WHOLE, test_slc_lookup.SHAPE).positions(area)
locators.MAX_NODES = locators.MAX_TABLE = 4000
locators.tabulated(test_slc_lookup.rough, test_slc_lookup.WHOLE, test_slc_lookup.SHAPE).positions(area)
locators.located(test_slc.rough, Frame("0" * 16, (303, 407))).positions(grid_at(14, 1.0, 0.5, 40, 50))
print(json.dumps(sorted(set(compiled()) - before)))
"""


def test_every_kernel_that_an_operator_uses_is_compiled() -> None:
    """A kernel that appears here needs its image, or its value, in `tileserver.examples`."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPARE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
