# Everything a contributor needs. Requires make and Python >= 3.11, nothing else:
# the targets build .venv themselves from the hashed lock files, once.

PORT  ?= 8000
VENV  := .venv
BIN   := $(VENV)/bin
UV    := $(shell command -v uv 2>/dev/null)

# The first interpreter that really starts and is new enough (version managers put stubs on PATH).
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
  then command -v "$$name"; break; fi; done)

# A stamp per lock: an unchanged lock means that nothing is installed and no process is started.
RUNTIME := $(VENV)/.installed-runtime
DEV     := $(VENV)/.installed-dev

LOCK_UV   = $(if $(UV),$(UV),$(BIN)/uv)
LOCK_ARGS = pip compile pyproject.toml --quiet --universal --python-version 3.11 --no-config \
  --fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make lock'

.DEFAULT_GOAL := help
.PHONY: help install demo test check format bench soak coverage wheel lock upgrade clean

help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

demo: $(RUNTIME) ## Start a seeded server; PORT=8000
	$(BIN)/tocsin demo --port $(PORT)

install: $(DEV) ## Build .venv for development

test: $(DEV) ## Run the tests; ARGS='-k name' narrows them
	$(BIN)/pytest -m 'not bench and not soak' $(ARGS)

check: $(DEV) ## Formatting, lint, types, import directions, spelling
	@failed=0; \
	for tool in 'ruff format --check' 'ruff check' 'mypy' 'lint-imports' 'codespell'; do \
	  echo "== $$tool"; $(BIN)/$$tool || failed=1; \
	done; exit $$failed

format: $(DEV) ## Format and sort imports
	$(BIN)/ruff check --select I --fix
	$(BIN)/ruff format

coverage: $(DEV) ## Run the tests with branch coverage
	$(BIN)/pytest -m 'not bench and not soak' --cov --cov-report=term $(ARGS)

bench: $(DEV) ## Measure; ARGS is passed on
	$(BIN)/python -m bench $(ARGS)

soak: $(DEV) ## Run for long under faults; ARGS is passed on
	$(BIN)/pytest -m soak
	$(BIN)/python -m bench.soak $(ARGS)

wheel: $(DEV) ## Build dist/*.whl
	rm -rf dist
	$(BIN)/python -m hatchling build --target wheel

lock: | $(BIN)/python ## Rewrite the lock files after a change of pyproject.toml
	$(if $(UV),,$(BIN)/python -m pip install --quiet uv)
	$(LOCK_UV) $(LOCK_ARGS) --group build --output-file requirements.lock
	$(LOCK_UV) $(LOCK_ARGS) --group dev --constraint requirements.lock \
	  --output-file requirements-dev.lock

upgrade: ## Rewrite the lock files with the newest versions
	rm -f requirements.lock requirements-dev.lock
	$(MAKE) lock

clean: ## Remove .venv and everything that can be rebuilt
	rm -rf $(VENV) build dist htmlcov .coverage .hypothesis .import_linter_cache \
	  .mypy_cache .pytest_cache .ruff_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- installing

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'Tocsin needs Python 3.11 or newer and found none:' \
	  'install one, or name it with make PYTHON=/path/to/python3.' >&2; exit 1; }
	$(if $(UV),$(UV) venv --quiet --clear --python '$(PYTHON)' $(VENV),'$(PYTHON)' -m venv --clear $(VENV))

# The project itself comes second and without dependencies: pip refuses to mix a local folder
# with hashes. hatchling is in the lock, so the build fetches nothing unchecked either.
INSTALL = $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install -q) --quiet
define install
@echo 'Installing $(1) into $(VENV) (once) ...'
@$(INSTALL) --require-hashes --requirement $(1)
@$(INSTALL) --no-deps --no-build-isolation --editable .
@touch $(2)
endef

# Order-only on .venv: the interpreter's own date says nothing about what is installed.
$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	$(call install,requirements.lock,$@)

# The second lock holds the first one whole.
$(DEV): requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	$(call install,requirements-dev.lock,$(RUNTIME) $@)
