#!/usr/bin/env bash
# All tests with coverage: unit tests first, then the native stack, then the two coverage floors.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -f .coverage .coverage.*
.venv/bin/coverage run -m pytest "$@"
.venv/bin/coverage combine --quiet
.venv/bin/coverage report --fail-under=90 --skip-covered --sort=cover
src=framework/src/gatelodge
.venv/bin/coverage report --fail-under=95 --format=total \
  --include="$src/resource_server/*,$src/issuer/*,$src/access/*,$src/registration/*,$src/app/*" >/dev/null \
  || { echo "coverage of resource_server, issuer, access, registration, app is below 95 %" >&2; exit 1; }
