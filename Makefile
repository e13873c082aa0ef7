# Every target makes its own environment in .venv first, once. Needs Python 3.11+, make and git; nothing else.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed

PEERS := build/peers

.PHONY: demo test check bench bench-peers nightly kills docs constraints clean

demo: $(INSTALLED)  ## four local CRMs, messy leads, one sync, and a second one that writes nothing
	$(BIN)/leadloom demo

test: $(INSTALLED)  ## every test but the long profiles
	$(BIN)/python -m pytest -n 2 -q

check: $(INSTALLED)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## speed, memory and API calls, as a table and as JSON
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.identity
	$(BIN)/python -m benchmarks.ledger
	$(BIN)/python -m benchmarks.live

bench-peers: $(PEERS)/splink/.installed $(PEERS)/recordlinkage/.installed $(INSTALLED)  ## dedupe beside other tools, each in its own environment
	$(BIN)/python -m benchmarks.identity --sets $(or $(SETS),dev_10k) --peers $(PEERS) -o build/identity-peers.json

$(PEERS)/%/.installed:
	$(PYTHON) -m venv $(PEERS)/$*
	$(PEERS)/$*/bin/python -m pip install --quiet --disable-pip-version-check $* pandas setuptools
	@touch $@

nightly: $(INSTALLED)  ## every test, with the long profiles
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n 2 -q -m "nightly or not nightly" --timeout 3600

kills: $(INSTALLED)  ## kill syncs and undos at every step, and show what the next runs make of it
	$(BIN)/python -m tests.machine.kills

docs: $(INSTALLED)  ## write the generated parts of docs/ anew
	$(BIN)/python docs/generate.py

constraints:  ## pin the newest versions again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		--extra dev --extra postgres --upgrade -o constraints.txt pyproject.toml

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist

$(INSTALLED): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "Leadloom needs Python 3.11 or newer, and none was found on the PATH. Name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 2; fi
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
