# make demo    install, prepare the demo collections, start JupyterLab on the first notebook
# make test    all tests          make check   linters, types, import contracts
# make bench   side by side with titiler       make clean   remove what make made

PYTHON ?=
VENV := .venv
BENCH_VENV := .bench-venv
BIN := $(VENV)/bin
PINS := pyproject.toml constraints.txt
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: help demo test check format bench pin clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# //p' Makefile

# A stamp stands for an installed set: nothing is asked of pip when the pins did not change.
$(VENV)/.installed: $(PINS) scripts/make-venv.sh
	@sh scripts/make-venv.sh $(VENV) $(PYTHON)
	@echo "Installing jeoview into $(VENV); the first time this downloads about 400 MB"
	$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(INSTALL) -e ".[test]"
	@touch $@

$(VENV)/.installed-check: $(VENV)/.installed
	$(INSTALL) -e ".[check]"
	@touch $@

$(BENCH_VENV)/.installed: constraints-bench.txt scripts/make-venv.sh
	@sh scripts/make-venv.sh $(BENCH_VENV) $(PYTHON)
	$(BENCH_VENV)/bin/python -m pip install --disable-pip-version-check -r constraints-bench.txt
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/python -m jeoview.demo
ifdef HEADLESS
	@$(BIN)/python -m jeoview.demo.headless
else
	@$(BIN)/python scripts/start_lab.py notebooks/01-first-map.ipynb
endif

# PYTEST_ARGS narrows the run: make test PYTEST_ARGS="tests/unit -x"
test: $(VENV)/.installed-test
	@sh scripts/install-test-tools.sh
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.installed-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_sizes.py

format: $(VENV)/.installed-check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed $(BENCH_VENV)/.installed
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

# after a deliberate upgrade in $(VENV): what is installed and tested there becomes the pins
pin: $(VENV)/.installed-test $(VENV)/.installed-check
	$(BIN)/python scripts/pin.py > constraints.txt.new
	mv constraints.txt.new constraints.txt

clean:
	rm -rf $(VENV) $(BENCH_VENV) build dist *.egg-info demo-output test-artifacts
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
