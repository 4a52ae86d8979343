# Two commands on a fresh machine: `make up` and `make test`. Everything generated lives under .mlp/.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .mlp/venv
BIN := $(VENV)/bin
STAMP := .mlp/venv.stamp

# A stamp without its environment stamps nothing.
ifeq ($(wildcard $(BIN)/mlp),)
.PHONY: $(STAMP)
endif

.PHONY: up test soak check quick lint types contracts prose format docs unit engine cluster down clean bench requirements

up: $(STAMP)
	@$(BIN)/mlp up --stack local

# Every tier, over the platform that `mlp up` leaves running; resumes whatever exists already.
# The tiers without a cluster share both cores; the platform's own tests need the machine for themselves.
test: $(STAMP)
	@$(BIN)/mlp up --stack local
	@$(BIN)/pytest tests/unit tests/engine --numprocesses 2 --dist loadfile
	@$(BIN)/pytest tests/cluster

# The same tests with every count at its fullest: hours instead of minutes.
soak: export MLP_TEST_AWS_STACKS := dev,staging,prod
soak: export MLP_TEST_AWS_KILLS := 20
soak: export MLP_TEST_RUNS := 20
soak: export MLP_TEST_SOAK := 1
soak: test

unit engine cluster: $(STAMP)
	@$(BIN)/pytest tests/$@

# Before every commit: everything that needs no test, then the unit tier.
check: quick
	@$(BIN)/pytest tests/unit -q --numprocesses auto --dist loadfile

# While writing: two at a time, because the type checker takes longer than the others together.
quick: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync=target types lint contracts prose

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/pyrefly check

# Who may import whom: [tool.importlinter] in pyproject.toml.
contracts: $(STAMP)
	@$(BIN)/lint-imports --no-logo --no-cache

# Spelling and style of every text: tests/prose/.
prose: $(STAMP)
	@$(BIN)/python -m tests.prose.check

format: $(STAMP)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

# The site, refused when a link leads nowhere.
docs: $(STAMP)
	@$(BIN)/mkdocs build --strict --site-dir .mlp/site

bench: $(STAMP)
	@$(BIN)/python -m tests.bench

down: $(STAMP)
	@$(BIN)/mlp destroy --stack local && $(BIN)/mlp cluster reset

clean:
	@if [ -x $(BIN)/mlp ]; then $(BIN)/mlp cluster reset; fi
	rm -rf .mlp

requirements: $(STAMP)
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --extra dev pyproject.toml -o requirements/dev.txt

$(STAMP): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@echo "▸ Python environment in $(VENV) (about 30 s)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements/bootstrap.txt requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
