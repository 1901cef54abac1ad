# The same words at the desk and in CI. `make demo` and `make test` do all set-up themselves.
PYTHON ?= python3
VENV := .venv
# cpu or gpu; what was chosen once stays chosen.
LOCK ?= $(or $(shell cat $(VENV)/.lock 2>/dev/null),cpu)
BIN := $(VENV)/bin
export ORT_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev system demo test check lint fmt type unit web screenshots train-smoke bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.run-$(LOCK) ## .venv with all that `moodline` needs (LOCK=gpu for a CUDA machine)

demo: setup ## built-in footage through the whole engine, with API and events; Ctrl-C ends it
	@$(BIN)/moodline demo || [ $$? -eq 130 ]

test: setup-dev system check ## set up, lint, types, import contracts, all tests

check: lint type unit

lint: ## style and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

type: ## static types
	$(BIN)/mypy

unit: ## the tests alone
	$(BIN)/pytest -n auto --dist loadgroup $(ARGS)

fmt: ## rewrite to house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

web: ## engine/web/dist anew from its sources (needs Node 18 or later and npm)
	cd engine/web && npm install --silent && npm run --silent types && npm run --silent build

screenshots: setup-dev ## docs/screenshots from a running engine (CLIP=a video of people)
	$(BIN)/python -m tests.web.screenshots $(CLIP)

train-smoke: setup-dev ## the trainer's whole chain on 700 drawn faces, then the engine on what it exported
	$(BIN)/python -m tests.smoke.train_smoke $(ARGS)

bench: setup-dev ## speed as ratios against the plain loop, on this machine
	$(BIN)/python -m benchmarks.throughput

setup-dev: $(VENV)/.dev ## .venv with the trainer and the test tools too

system: ## Debian packages that the tests start (redis-server, ffmpeg, GStreamer, chromium, Node)
	@tests/system-packages.sh

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "moodline needs Python 3.11 to 3.13, this is " + sys.version.split()[0] + "; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

PIP := $(BIN)/python -m pip --disable-pip-version-check
# pip is told not to resolve: the lock is complete, hashed, and overrides two outdated caps (docs/dependencies.md).
INSTALL := $(PIP) install --quiet --no-deps --require-hashes

# The two builds of ONNX Runtime overwrite each other's files: take out both before putting in one.
$(VENV)/.run-$(LOCK): requirements/$(LOCK).txt pyproject.toml | $(VENV)/bin/python
	@[ "$$(cat $(VENV)/.lock 2>/dev/null)" = $(LOCK) ] || $(PIP) uninstall --quiet -y onnxruntime onnxruntime-gpu 2>/dev/null
	$(INSTALL) -r requirements/$(LOCK).txt
	$(PIP) install --quiet --no-deps --editable .
	@rm -f $(VENV)/.run-* && echo $(LOCK) > $(VENV)/.lock && touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/.run-$(LOCK)
	$(PIP) install --quiet torch==2.13.0
	$(INSTALL) -r requirements/dev.txt
	@if [ $(LOCK) = gpu ]; then $(PIP) uninstall --quiet -y onnxruntime onnxruntime-gpu && $(INSTALL) -r requirements/gpu.txt; fi
	@touch $@

clean: ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
