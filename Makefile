# Two commands for a newcomer: `make search` and `make test`. Both make .venv first; PYTHON picks another interpreter.
# `make test` leaves out what takes minutes: whole searches that are killed (`make test-faults`), `ray up` (`make
# test-cluster`), what needs Chromium (`make test-browser`), and what else is marked slow (`make test-slow`).
# `make bench` times graft beside its peers.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# A file stays in one process, for its fixtures; in the order collected, for the longest files come early in it, while
# pytest-xdist's own order, by tests in a file, would put a whole run that is one test last.
EVENLY := --dist=loadfile --no-loadscope-reorder
# Bytecode is kept whatever the environment says: each of dozens of processes would compile everything anew.
COMPILED := PYTHONDONTWRITEBYTECODE=

.PHONY: search test check test-slow test-faults test-cluster test-browser bench calibrate docs settings clean

search: .venv/installed
	$(BIN)/graft run film10-film8

test: .venv/tested check
	$(COMPILED) $(BIN)/python -m pytest -m "not slow and not cluster and not browser" --numprocesses=2 $(EVENLY) --durations=10

check: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-slow: .venv/tested
	$(BIN)/python -m pytest -m slow

test-cluster: .venv/tested
	$(BIN)/python -m pytest -m cluster

test-browser: .venv/tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[browser,docs]"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m browser

test-faults: .venv/tested
	$(BIN)/python -m pytest -m fault

bench: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	$(COMPILED) $(BIN)/python tests/benchmarks/bench.py --against tests/benchmarks/bench.json

calibrate: .venv/installed
	$(BIN)/graft calibrate

docs: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	$(BIN)/mkdocs build --strict

settings: .venv/installed
	$(BIN)/python -P -m graft.search.reference
	$(BIN)/python -P -m graft.search.usage

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@

clean:
	rm -rf .venv build *.egg-info
