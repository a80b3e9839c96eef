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

.PHONY: demo portal portal-build portal-if-browser test test-all lint types contracts fuzz sanitize clean lock
.DEFAULT_GOAL := demo

$(VENV)/.core: requirements/core.txt requirements/build.txt pyproject.toml $(NATIVE_SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or later is needed (set PYTHON=)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned dependencies and building the evaluator ..."
	@$(BIN)/python -m pip install -q -r requirements/core.txt -r requirements/build.txt
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.core
	@$(BIN)/python -m pip install -q -r requirements/dev.txt
	@touch $@

$(VENV)/.train: requirements/train.txt $(VENV)/.dev
	@$(BIN)/python -m pip install -q -r requirements/train.txt
	@touch $@

demo: $(VENV)/.core
	$(BIN)/safelight demo --output out/demo

# the portal: a browser tab that encrypts, asks and decrypts (docs/how-to/use-the-portal.md)
$(VENV)/.portal: requirements/portal.txt $(VENV)/.core
	@$(BIN)/python -m pip install -q -r requirements/portal.txt
	@touch $@

portal-build: $(VENV)/.portal
	@$(BIN)/python portal/build.py

portal: portal-build
	@mkdir -p out/portal-service
	@$(BIN)/python portal/serve.py --data out/portal-service

# its tests run where Chromium is installed; without npm's registry they are skipped and say so
CHROMIUM := $(or $(SAFELIGHT_CHROMIUM),$(shell command -v chromium))
portal-if-browser: $(VENV)/.dev
ifneq ($(CHROMIUM),)
	@$(MAKE) --no-print-directory $(VENV)/.portal || echo "the portal's tests are skipped"
	@test ! -e $(VENV)/.portal || $(BIN)/python portal/build.py || test $$? = 1
	@test ! -e src/safelight/portal_static/index.html || $(BIN)/python portal/build.py --test
endif

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

test: lint types contracts portal-if-browser
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(VENV)/.train lint types contracts
	$(BIN)/python -m pytest -n 2 --dist worksteal

fuzz: $(VENV)/.dev
	SAFELIGHT_FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300) $(BIN)/python -m pytest tests/fuzz

# the evaluator under AddressSanitizer and UndefinedBehaviorSanitizer, its threads under
# ThreadSanitizer
sanitize: $(VENV)/.dev
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python native/sanitize.py address,undefined \
	  -m "not slow" tests/unit/native tests/unit/engine/test_engines.py \
	  tests/unit/wire/test_wire_packing.py
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python native/sanitize.py thread \
	  tests/unit/native/test_threads.py tests/unit/native/test_engine.py

lock:
	for part in core:plot dev:plot,dev,data,access,archive,onnx,import,lab; do \
	  extras=$$(echo $${part#*:} | sed 's/\([a-z]*\),*/--extra \1 /g'); \
	  uv pip compile -q pyproject.toml $$extras --universal --generate-hashes \
	    --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header \
	    -o requirements/$${part%%:*}.txt; done
	for part in build portal; do \
	  uv pip compile -q requirements/$$part.in --universal --generate-hashes \
	    --python-version 3.11 --no-emit-index-url --no-header -o requirements/$$part.txt; done

clean:
	rm -rf $(VENV) build out portal/node_modules src/safelight/portal_static .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
