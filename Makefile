# `make up` and `make test` are all a newcomer needs; both set up everything by themselves.
# ARGS go to the command that a target runs: make up ARGS="--brokers 3"
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests wait for brokers most of their time, so they run beside each other, each worker with
# brokers of its own (about 2 GB); make test WORKERS=0 runs them in one process, for a debugger.
WORKERS ?= 2

.PHONY: help setup up down test check types lint contracts e2e e2e-timed e2e-rest bench soak docs lock lock-bench lock-kafka clean
.PHONY: lab-build lab-up lab-env lab-down

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## the virtual environment, from the hashed lock

# pip's --python needs no ensurepip in the machine's Python, only pip itself.
$(READY): requirements/lock.txt pyproject.toml
	@echo "setting up $(VENV) (first time: about a minute) ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "learnflow-kafka needs Python 3.11 or later; run: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

up: $(READY) ## real Kafka on this machine with the LearnFlow topics, verified
	@$(BIN)/learnflow up $(ARGS)

down: $(READY) ## stop it; the data stays
	@$(BIN)/learnflow down $(ARGS)

test: $(READY) ## all tests that need nothing but Python
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(READY) ## ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

contracts: $(READY) ## which package may import which
	@$(BIN)/lint-imports

check: lint types contracts ## lint, types and contracts

e2e: e2e-timed e2e-rest ## what needs root, Debian packages or a long time

# What is held to a time has the machine for itself.
e2e-timed: $(READY)
	@$(BIN)/python -m pytest tests/e2e --e2e -m timed $(ARGS)

e2e-rest: $(READY)
	@$(BIN)/python -m pytest tests/e2e --e2e -m 'not timed' -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(READY) ## the long forms: hundreds of kills, hours
	@$(BIN)/python -m pytest -m soak

bench: $(READY) ## measure, and write docs/benchmarks.md's figures
	@$(BIN)/python -m bench $(ARGS)

lab-build: $(READY) ## the Kubernetes for tests: its programs and images (lab/README.md)
	@$(BIN)/python -m lab build

lab-up: $(READY) ## start it, with the images loaded (needs root)
	@$(BIN)/python -m lab up

lab-env: $(READY) ## print what to export: eval "$$(make -s lab-env)"
	@$(BIN)/python -m lab env

lab-down: $(READY) ## stop it; what was built stays
	@$(BIN)/python -m lab down

docs: $(READY) ## write what is generated from the code (make check proves it fresh)
	@$(BIN)/python -m docs.generate

lock: ## renew requirements/lock.txt (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --all-extras --group dev --python-version 3.11 -o requirements/lock.txt pyproject.toml

lock-bench: ## renew the lock of the clients that `make bench` compares with (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 -c requirements/lock.txt -o bench/peers/requirements.txt bench/peers/requirements.in

lock-kafka: $(READY) ## renew the locks of Kafka's jars (needs Maven)
	@$(BIN)/python requirements/lock_kafka.py

clean: ## remove the virtual environment and caches of tools
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
