# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DATA_CANDIDATE := $(abspath ../shared/data)
ifndef SAFELIGHT_DATA
  ifneq ($(wildcard $(DATA_CANDIDATE)),)
    export SAFELIGHT_DATA := $(DATA_CANDIDATE)
  endif
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1

NATIVE_SOURCES := $(shell find native CMakeLists.txt -type f)

.PHONY: demo test test-all lint types contracts fuzz clean train lock
.DEFAULT_GOAL := demo

$(VENV)/.core: requirements/core.txt pyproject.toml $(NATIVE_SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or later is needed (set PYTHON=)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies and building the evaluator ..."
	@$(BIN)/python -m pip install -q -r requirements/core.txt
	@$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.core
	@$(BIN)/python -m pip install -q -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.core
	$(BIN)/safelight demo --output out/demo

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

test: lint types contracts
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-all: lint types contracts
	$(BIN)/python -m pytest -n 2

clean:
	rm -rf $(VENV) build out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
