PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RULES := dashboards/generated/rules.yml
# On the PATH, or where tests/e2e/install-servers.sh puts what it builds.
PROMTOOL = $(shell PATH="$$PATH:$(CURDIR)/.servers/bin" command -v promtool)

.PHONY: help run test test-unit test-e2e check check-rules format generate bench clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.11 …") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: $(READY) ## the sidecar with the example pipeline on embedded stand-ins
	@$(BIN)/sidecar demo

test: test-unit test-e2e ## every test

test-unit: $(READY) ## fast tests, no other server needed
	$(BIN)/pytest -m 'not e2e'

test-e2e: $(READY) ## tests with real servers; those that are missing are skipped with a reason
	$(BIN)/pytest -m e2e

check: $(READY) check-rules ## lint, format, types, generated files, rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m sidecar.metrics_page --check
	$(BIN)/python -m dashboards.generate --check

check-rules:
	$(if $(PROMTOOL),$(PROMTOOL) check rules --lint=all --lint-fatal $(RULES),@echo 'the rules are not checked: promtool is not installed; run tests/e2e/install-servers.sh prometheus')

format: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(READY) ## write the generated files anew
	$(BIN)/python -m sidecar.metrics_page
	$(BIN)/python -m dashboards.generate

bench: $(READY) ## the benchmarks, us and the peers side by side
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	-$(BIN)/python benchmarks/outage.py
	-$(BIN)/python benchmarks/overhead.py
	-$(BIN)/python benchmarks/ledger.py
	-$(BIN)/python benchmarks/probes.py
	-$(BIN)/python benchmarks/jobs.py
	-$(BIN)/python benchmarks/jobs_instructions.py
	-$(BIN)/python benchmarks/scale.py
	-$(BIN)/python benchmarks/http_load.py
	-$(BIN)/python benchmarks/spool.py
	-$(BIN)/python benchmarks/spool_compaction.py

clean: ## remove what was built
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
