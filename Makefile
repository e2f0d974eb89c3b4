## make demo     install, prepare the demo collections, start JupyterLab on the first notebook
##               (HEADLESS=1: run the notebook without a browser, results in demo-output/)
## make test     all tests (PYTEST_ARGS="tests/unit -x" narrows them)
## make peers    the tests that need MintPy, which is installed for them in .bench-mintpy (a minute, 0.8 GB)
## make check    linter, format, types, import contracts, sizes, dependencies (make -k check: all of them after a failure)
## make format   let the linter and the formatter repair what they can
## make bench    side by side with titiler and MintPy, results in benchmarks/ (BENCH_ARGS="--only insar": a part)
## make pin      write what is installed here into constraints.txt
## make clean    remove what make made

PYTHON ?=
VENV := .venv
BENCH_VENV := .bench-venv
BENCH_MINTPY := .bench-mintpy
BIN := $(VENV)/bin
PINS := pyproject.toml constraints.txt
# compat: the folder of the checkout stands on the path itself; else a clone named jeoview hides the package above it.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt --config-settings editable_mode=compat

# Servers, browsers and their faults are watched by the clock: these tests have the machine for themselves, the others share it.
ALONE := tests/browser tests/service tests/faults

.PHONY: help demo test peers check check-lint check-format check-types check-imports check-sizes check-dependencies format bench pin clean
.SECONDARY:
.DELETE_ON_ERROR:

help:
	@sed -n 's/^## //p' Makefile

# A stamp stands for an installed set: pip is not asked when the pins did not change.
$(VENV)/.installed: $(PINS) scripts/make-venv.sh
	@sh scripts/make-venv.sh $(VENV) $(PYTHON)
	@echo "Installing jeoview into $(VENV): a few minutes and about 1.7 GB of disk the first time"
	$(INSTALL) -e .
	@touch $@

# numba notices a change of the file that a kernel stands in, not of the files whose kernels it calls: all are made anew.
$(VENV)/.compiled: $(VENV)/.installed $(wildcard jeoview/kernels/*.py)
	@echo "Compiling the kernels: about a minute"
	@rm -f jeoview/kernels/__pycache__/*.nb[ci]
	@$(BIN)/python -W ignore -m tileserver.warm
	@touch $@

$(VENV)/.installed-%: $(PINS) scripts/make-venv.sh
	@sh scripts/make-venv.sh $(VENV) $(PYTHON)
	@echo "Installing jeoview and its tools ($*) into $(VENV): a few minutes and about 1.7 GB of disk the first time"
	$(INSTALL) -e ".[$*]"
	@touch $@ $(VENV)/.installed

$(BENCH_VENV)/.installed: constraints-bench.txt scripts/make-venv.sh
	@sh scripts/make-venv.sh $(BENCH_VENV) $(PYTHON)
	$(BENCH_VENV)/bin/python -m pip install --disable-pip-version-check -r constraints-bench.txt
	@touch $@

# MintPy brings solvers and weather formats that nothing else here needs.
$(BENCH_MINTPY)/.installed: constraints-bench-mintpy.txt scripts/make-venv.sh
	@sh scripts/make-venv.sh $(BENCH_MINTPY) $(PYTHON)
	$(BENCH_MINTPY)/bin/python -m pip install --disable-pip-version-check -r constraints-bench-mintpy.txt
	@touch $@

demo: $(VENV)/.compiled
	@$(BIN)/python -m jeoview.demo
ifdef HEADLESS
	@$(BIN)/python -m jeoview.demo.headless
else
	@$(BIN)/python scripts/start_lab.py notebooks/01-first-map.ipynb
endif

test: $(VENV)/.installed-test
	@# a make of its own, which sees what the installation left
	@$(MAKE) --no-print-directory $(VENV)/.compiled
	@sh scripts/install-test-tools.sh
ifdef PYTEST_ARGS
	$(BIN)/python -m pytest $(PYTEST_ARGS)
else
	@# what the first part says is not lost by the second
	status=0; $(BIN)/python -m pytest -n auto --maxprocesses=4 --dist loadfile $(ALONE:%=--ignore=%) || status=1; \
	$(BIN)/python -m pytest $(ALONE) || status=1; exit $$status
endif

peers: $(VENV)/.installed-test $(BENCH_MINTPY)/.installed
	@$(MAKE) --no-print-directory $(VENV)/.compiled
	MINTPY_REQUIRED=1 $(BIN)/python -m pytest tests/peers/test_mintpy.py tests/peers/test_insar_peers.py -k mintpy

check: check-lint check-format check-types check-imports check-sizes check-dependencies

check-lint: $(VENV)/.installed-check
	$(BIN)/python -m ruff check .

check-format: $(VENV)/.installed-check
	$(BIN)/python -m ruff format --check .

check-types: $(VENV)/.installed-check
	$(BIN)/python -m mypy
	@# their stubs hide these modules from the line above
	$(BIN)/python -m mypy --follow-imports=silent jeoview/image.py jeoview/collection/images.py

check-imports: $(VENV)/.installed-check
	$(BIN)/lint-imports --no-cache

check-sizes: $(VENV)/.installed-check
	$(BIN)/python scripts/check_sizes.py

check-dependencies: $(VENV)/.installed-check
	$(BIN)/python scripts/check_dependencies.py

format: $(VENV)/.installed-check
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

bench: $(VENV)/.compiled $(BENCH_VENV)/.installed $(BENCH_MINTPY)/.installed
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

pin: $(VENV)/.installed-test $(VENV)/.installed-check
	$(BIN)/python scripts/pin.py > constraints.txt.new
	mv constraints.txt.new constraints.txt

clean:
	rm -rf $(VENV) $(BENCH_VENV) $(BENCH_MINTPY) build dist *.egg-info demo-output test-artifacts
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
