# Needs python3 (3.11 or later), make and bash. Everything else goes into this checkout and the user's cache folder.
SHELL := bash
PY := .venv/bin/python
CODE := framework sample-deep-research-mcp servers tests benchmarks infra scripts

.PHONY: up down status test test-cluster test-faults lint fmt scan bench fuzz lock env

env: .venv/.ready

.venv/.ready: requirements.lock scripts/bootstrap.sh framework/pyproject.toml sample-deep-research-mcp/pyproject.toml servers/toolbox-mcp/pyproject.toml servers/workspace-mcp/pyproject.toml
	@bash scripts/bootstrap.sh

up: env
	@.venv/bin/gatelodge up $(ARGS)

down: env
	@.venv/bin/gatelodge down

status: env
	@.venv/bin/gatelodge status

lint: env
	.venv/bin/ruff check $(CODE)
	.venv/bin/ruff format --check $(CODE)
	.venv/bin/mypy framework/src sample-deep-research-mcp/src servers/toolbox-mcp/src servers/workspace-mcp/src framework/tests sample-deep-research-mcp/tests servers/toolbox-mcp/tests servers/workspace-mcp/tests tests infra/compose
	MYPYPATH=benchmarks .venv/bin/mypy benchmarks
	.venv/bin/lint-imports

fmt: env
	.venv/bin/ruff check --fix $(CODE)
	.venv/bin/ruff format $(CODE)

test: lint
	@bash scripts/test.sh

# Long runs on a Docker deployment: kills, cut networks, restore. Results as for bench.
test-cluster: env
	@bash tests/e2e/docker/setup.sh
	GATELODGE_RESULTS=$${GATELODGE_RESULTS:-$(CURDIR)/benchmarks/results} $(PY) -m pytest tests/e2e/docker -m cluster --durations=20 $(ARGS)

# Long runs of crashes, power cuts, races and tampering: nearly an hour. Results as for bench.
test-faults: export GATELODGE_RESULTS := $(or $(GATELODGE_RESULTS),$(CURDIR)/benchmarks/results)
test-faults: env
	$(PY) -m pytest tests/conformance/faults
	FAULT_ROUNDS=200 $(PY) -m pytest tests/e2e/connections/test_race.py tests/e2e/connections/test_crash.py
	GATELODGE_KILLS=200 $(PY) -m pytest framework/tests/vault/test_kills.py
	GATELODGE_TAMPERING_STEP=2 $(PY) -m pytest framework/tests/vault/test_tampering.py
	GATELODGE_NONCES=10000000 $(PY) -m pytest framework/tests/vault/test_primitives.py -k nonce

# What needs no network; `make test` runs the same. docs/reference/security-scans.md
scan: env
	@PYTHONPATH=tests:tests/support $(PY) -m repo.scans $(ARGS)

# Longer runs: results go to benchmarks/results, or to the folder in GATELODGE_RESULTS.
bench: env
	$(PY) benchmarks/token_check.py
	$(PY) benchmarks/run.py $(ARGS)
	PYTHONPATH=tests/support:framework/tests/support $(PY) benchmarks/desk.py
	PYTHONPATH=tests/support:framework/tests/support $(PY) benchmarks/clients.py
	$(PY) benchmarks/sizing.py
	$(PY) benchmarks/soak.py
	PYTHONPATH=tests/support:framework/tests/support $(PY) benchmarks/vault.py --output benchmarks/results/vault.json
	PYTHONPATH=tests/support:framework/tests/support $(PY) benchmarks/proxy.py

fuzz: env
	GATELODGE_API_CASES=50000 $(PY) -m pytest framework/tests/app/api_docs/test_fuzz.py
	PYTHONPATH=tests:tests/support:framework/tests/support $(PY) -m conformance.fuzz --seconds 600 $(ARGS)

lock: env
	@bash scripts/lock.sh
