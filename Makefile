# Every target works in a fresh checkout: they set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
ONLY ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint format types contract check lock clean

help: ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements/dev.lock requirements/artefacts.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "meterhub needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "this Python has no venv module; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/artefacts.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

setup: $(READY) ## prepare .venv with everything the project needs

demo: $(READY) ## a simulated town from radio telegram to invoice and leak alert (ARGS="--once --json")
	@$(BIN)/meterhub demo $(ARGS)

test: $(READY) ## all tests (ARGS="-k spool -x")
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup $(ARGS)

bench: $(READY) ## benchmarks, one JSON object a line (ONLY=decode)
	@$(BIN)/python -m bench $(ONLY)

lint: $(READY) ## style of code and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

contract: $(READY) ## who may import whom
	$(BIN)/lint-imports

check: lint types contract test ## everything that must hold before a change lands

UV ?= uv
LOCK = $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --no-annotate --quiet
# official schemas and rules that documents are checked against, out of packages whose code is not used
ARTEFACTS = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-deps \
  --no-emit-index-url --no-header --no-annotate --quiet
lock: ## renew the lock files (needs uv)
	$(LOCK) --all-extras --group build --group lint --group test -o requirements/dev.lock
	$(ARTEFACTS) requirements/artefacts.in -o requirements/artefacts.lock
	$(LOCK) --extra server -o requirements/server.lock
	$(LOCK) --extra gateway -o requirements/gateway.lock

clean: ## remove what the targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache demo-out
