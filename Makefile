# `make demo` and `make test` are all that a new user needs: each sets up what is missing, once.
# After that nothing here touches the network, except `make lock`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# The rooms of which no test imports TensorFlow, TFX or Beam; tests/light.py holds them to it.
LIGHT := $(addprefix tests/,architecture console docs files first_use off_policy quoting registry reports request_log serving settings setup simulation status table_files threads warehouse)
PYTEST := .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
# What `make setup` alone can run, and soon. CI runs everything.
SOON := -m 'not slow and not emulator and not browser'
AT_ONCE := -m 'not slow and not emulator and not browser and not database'

.PHONY: help setup demo check light test test-all lint json-schema notebooks lock emulators peers force

PYTHON := .venv/bin/python
INSTALLED := .venv/.installed

help: ## Lists the targets.
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(INSTALLED) ## Installs everything into .venv; done once by the other targets. PYTHON_VERSION=3.11 forces one.

demo: $(INSTALLED) ## The whole loop on simulated newsletters; DEMO_ARGS='--users 2000' passes options.
	.venv/bin/newsletter-bandit demo $(DEMO_ARGS)

check: $(INSTALLED) ## At most a minute: `make lint`, and the quick tests of the rooms without TensorFlow.
	$(MAKE) --no-print-directory --jobs 2 --output-sync lint light

light: $(INSTALLED)
	$(PYTHON) -m pytest -p tests.light -n 2 --dist loadfile $(AT_ONCE) -q $(LIGHT)

test: $(INSTALLED) ## All tests but the slow and those of emulators and Chromium; PYTEST_ARGS='-k gate' runs some, PYTEST_ARGS='-n 0' in one process.
	$(PYTEST) $(SOON) $(PYTEST_ARGS)

test-all: $(INSTALLED) ## All tests, also against emulators, in Chromium, in the image's environment, and small benchmarks.
	$(PYTEST) $(PYTEST_ARGS)

lint: $(INSTALLED) ## ruff, its formatter, mypy, import-linter and shellcheck.
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/shellcheck setup.sh .ci/* tests/emulators/*.sh

json-schema: $(INSTALLED) ## Writes the JSON Schemas of the settings files anew, after a change of their classes.
	$(PYTHON) -m newsletter_bandit.settings.json_schema configs/json_schema

notebooks: $(INSTALLED) ## Runs the notebooks and stores their outputs, 10 minutes; NOTEBOOKS='2 5' runs some.
	$(PYTHON) notebooks/store.py $(NOTEBOOKS)

emulators: ## Installs the emulators of BigQuery and Cloud Storage for their tests; they need Python 3.13.
	bash tests/emulators/setup_bigquery.sh

peers: benchmarks/.venv/.installed ## Installs the peers that the benchmarks compare with into benchmarks/.venv.

# Pinned to the NumPy and scikit-learn of the older generation, with which the figures were measured.
benchmarks/.venv/.installed: benchmarks/requirements.txt
	python3.11 -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

lock: ## Resolves pyproject.toml again and writes requirements.lock.
	uv=$$(./setup.sh uv); \
	"$$uv" lock; \
	"$$uv" export --quiet --format requirements-txt --no-emit-project --no-header --no-annotate --output-file requirements.lock.new > /dev/null
	@if grep -nE '[a-z]+://|^ *-' requirements.lock.new | grep -v -- '--hash='; then \
	  echo 'requirements.lock: names an address or an option (above); not replaced' >&2; exit 1; fi
	mv requirements.lock.new requirements.lock

# A forced version may differ from that of the environment which is there.
$(INSTALLED): requirements.lock pyproject.toml setup.sh $(if $(PYTHON_VERSION),force)
	./setup.sh
	@touch $@
