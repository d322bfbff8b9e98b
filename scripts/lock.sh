#!/usr/bin/env bash
# Renews requirements.lock, one universal, hashed lock for all packages, and scripts/sbom.lock; without host names.
set -euo pipefail
cd "$(dirname "$0")/.."
.tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes "$@" \
  --custom-compile-command "make lock" --no-emit-package gatelodge --group dev \
  framework/pyproject.toml --extra ops --extra connections --extra redis --extra report --extra tracing sample-deep-research-mcp/pyproject.toml servers/toolbox-mcp/pyproject.toml servers/workspace-mcp/pyproject.toml --output-file requirements.lock
# What scripts/sbom.sh runs with: on its own, so that neither images nor the environment have it.
.tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes "$@" \
  --custom-compile-command "make lock" - --output-file scripts/sbom.lock <<<'cyclonedx-python-lib[json-validation]>=11.12'
