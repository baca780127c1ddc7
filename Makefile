# Two commands are enough: `make demo` and `make test`. Both set everything up in .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo demo-images docs test setup lint format types imports quick validate clean

demo: .venv/installed
	$(BIN)/plausibrain demo --out demo

demo-images: .venv/installed
	$(BIN)/plausibrain demo --images --out demo

test: .venv/tested-tools lint imports types
	$(BIN)/python -m pytest -n auto --dist worksteal

setup: .venv/tested-tools

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/tested-tools: .venv/installed
	$(BIN)/python -m pip install --quiet --editable ".[test,synthseg]"
	touch $@

lint: .venv/tested-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

imports: .venv/tested-tools
	$(BIN)/lint-imports

types: .venv/tested-tools
	$(BIN)/mypy

quick: .venv/tested-tools
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

format: .venv/tested-tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The site of docs/, with the catalogue of metrics from the registry, into site/.
docs: .venv/installed
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	$(BIN)/python -m mkdocs build --strict --quiet

# Every number of docs/validation.md, from a folder of real data (see docs/validation.md).
validate: .venv/installed
	$(BIN)/python -m benchmarks.validate $(DATA)

clean:
	rm -rf .venv demo runs site build dist *.egg-info
