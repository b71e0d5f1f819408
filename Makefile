# `make demo` and `make test` are all that a new user needs: each sets up what is missing, once.
# After that nothing here touches the network, except `make lock`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lock emulators peers

export UV_PYTHON_DOWNLOADS := never

UV_VERSION := 0.13.9
UV_ON_PATH := $(shell command -v uv)
UV := $(or $(UV_ON_PATH),.tools/uv/bin/uv)
PYTHON := .venv/bin/python
INSTALLED := .venv/.installed

help: ## Lists the targets.
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(INSTALLED) ## Installs everything into .venv; done once by the other targets.

demo: $(INSTALLED) ## The whole loop on simulated newsletters: train, gate, publish, predict, serve, and the truth.
	.venv/bin/newsletter-bandit demo

test: $(INSTALLED) ## All tests; PYTEST_ARGS='-k gate' runs some, PYTEST_ARGS='-n 0' in one process.
	$(PYTHON) -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(INSTALLED) ## ruff, its formatter and mypy.
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

emulators: | $(if $(UV_ON_PATH),,$(UV)) ## The emulators of BigQuery and Cloud Storage for their tests; needs Python 3.13.
	bash tests/emulators/setup_bigquery.sh

peers: benchmarks/.venv/.installed ## benchmarks/.venv: the peers that the benchmarks compare with.

benchmarks/.venv/.installed: benchmarks/requirements.txt
	python3.11 -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

lock: | $(if $(UV_ON_PATH),,$(UV)) ## Resolves pyproject.toml anew and writes requirements.lock.
	$(UV) lock
	$(UV) export --quiet --format requirements-txt --no-emit-project --no-header --no-annotate --output-file requirements.lock.new > /dev/null
	@if grep -nE '[a-z]+://|^ *-' requirements.lock.new | grep -v -- '--hash='; then \
	  echo 'requirements.lock: names an address or an option (above); not replaced' >&2; exit 1; fi
	mv requirements.lock.new requirements.lock

$(INSTALLED): requirements.lock pyproject.toml | $(if $(UV_ON_PATH),,$(UV))
	@$(UV) python find --no-project --quiet 3.11 > /dev/null || { \
	  echo 'Python 3.11 was not found. On Debian 12: apt-get install python3 python3-venv' >&2; exit 1; }
	@test -x $(PYTHON) || $(UV) venv --quiet --no-project --python 3.11 .venv
	@# By content: a checkout that only touches the file must not need the network again.
	@cmp -s requirements.lock .venv/requirements.lock || { \
	  echo 'Installing what requirements.lock names into .venv (once, about 3.5 GB)'; \
	  $(UV) pip sync --quiet --compile-bytecode --python $(PYTHON) --require-hashes requirements.lock; \
	  cp requirements.lock .venv/requirements.lock; }
	$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@touch $@

.tools/uv/bin/uv:
	@python3 -m venv .tools/uv || { rm -rf .tools/uv; \
	  echo 'Python cannot make a virtual environment. On Debian 12: apt-get install python3-venv' >&2; exit 1; }
	.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || { rm -rf .tools/uv; exit 1; }
