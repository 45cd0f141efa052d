# Each target makes what it needs; `make demo` is the place to start.

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FOLDERS := operando devices plans api simulators tests

.PHONY: demo test soak lint bench lock clean

demo: $(STAMP)
	$(BIN)/operando demo $(ARGS)

# Most tests wait more than they compute: two processes share them, each with ports of its own.
# Whole services come after them, one at a time, in a process of their own: Channel Access remembers
# every IOC that ever died.
test: $(STAMP)
	$(BIN)/python -m pytest -m "not soak" --numprocesses 2 --dist loadfile --ignore=tests/system $(ARGS)
	$(BIN)/python -m pytest -m "not soak" tests/system $(ARGS)

# A thousand faults on the line, ten minutes of readings, services of which everything is killed:
# twenty minutes.
soak: $(STAMP)
	$(BIN)/python -m pytest -m soak tests/soak $(ARGS)
	$(BIN)/python -m pytest -m soak tests/system $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(ARGS)

# For every platform, with hashes, and without the address of an index.
lock: $(STAMP)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group dev \
		--generate-hashes --no-header --no-emit-index-url --output-file requirements.lock pyproject.toml

clean:
	rm -rf dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(FOLDERS) -name __pycache__ -type d -prune -exec rm -rf {} +

# hatchling is among the locked packages, so that building needs nothing from outside.
$(STAMP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $(STAMP)
