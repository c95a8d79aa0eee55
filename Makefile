# Every task of the project: a person and CI call the same targets.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo "$$p" && break; done)
PY := .venv/bin/python
ARGS ?=

.PHONY: help run setup test test-providers test-browser lint bench chaos fuzz audit docs pin clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##/  make \1 —/p' Makefile

run: .venv/installed  ## set up what is missing, then start the bot (make run ARGS="--config my.yaml")
	@$(PY) bot.py $(ARGS)

setup: .venv/installed  ## the environment in .venv, from the pinned requirements

.venv/installed: requirements.txt
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11, 3.12 or 3.13; none was found. Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test ! -L .venv || { echo "Setting up would empty what the link .venv leads to. Remove the link, or make its target newer than requirements.txt."; exit 1; }
	@echo "Setting up .venv (once, about half a minute) …"
	@$(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@echo "Adding what the checks need …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

test: .venv/installed-dev  ## all tests (make test ARGS="-k stop")
	@$(PY) -m pytest $(ARGS)

test-providers: .venv/installed-dev  ## the providers against real servers, which it installs into a cache (minutes, the first time)
	@$(PY) -m pytest -m real -n0 -s -rs tests/real $(ARGS)

test-browser: .venv/installed-dev  ## the playground's page in headless Chromium, which it installs if it can
	@$(PY) -m pytest -m browser -n2 -rs tests/browser $(ARGS)

lint: .venv/installed-dev  ## style, types, and who may import whom
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

bench: .venv/installed-dev  ## what a reply costs and how late it is (prints, asserts nothing)
	@$(PY) -m bench $(ARGS)

chaos: .venv/installed-dev  ## the program under kills, faults and full disks (make chaos ARGS="telegram --short --seed 1")
	@$(PY) -m tests.chaos $(ARGS)

fuzz: .venv/installed-dev  ## mutated updates, streams and configs (make fuzz ARGS="--seconds 60 --seed 1")
	@$(PY) -m tests.fuzz $(ARGS)

audit: .venv/installed-dev  ## dependencies: pinned, installed as pinned, licences, known vulnerabilities
	@$(PY) -m tests.security.audit

docs: .venv/installed-dev  ## write docs/configuration.md anew, from the settings
	@$(PY) -m docs.reference

pin:  ## write the pinned requirements anew (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links requirements.in -o requirements.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links requirements-dev.in -o requirements-dev.txt

clean:  ## remove what the targets made
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
