#!/usr/bin/env bash
# All tests with coverage, then the coverage floors. Without arguments in two processes side by side: the tests of the
# packages compute, those in tests/ mostly wait for Keycloak and browsers. With arguments, one run of pytest with these.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -f .coverage .coverage.*
pytest=(.venv/bin/coverage run -m pytest)
if [ $# -gt 0 ]; then
  "${pytest[@]}" "$@"
else
  kept=$(mktemp)
  failed=0
  echo "beside the tests below: those of the packages, then of Docker deployments; their output follows at the end (until then: tail -f $kept)"
  # Job control, else the shell starts it with SIGINT ignored, and what its tests start too. What has the deadlines of a
  # real stack comes first when both want a processor.
  set -m
  nice -n 5 "${pytest[@]}" framework/tests sample-deep-research-mcp/tests servers/*/tests tests/e2e/docker >"$kept" 2>&1 </dev/null &
  beside=$!
  set +m
  trap 'kill -INT "$beside" 2>/dev/null && wait "$beside"; rm -f "$kept"' EXIT
  trap 'exit 130' INT TERM
  "${pytest[@]}" tests --ignore=tests/e2e/docker || failed=$?
  wait "$beside" || failed=$?
  cat "$kept"
  [ "$failed" = 0 ] || exit "$failed"
fi
.venv/bin/coverage combine --quiet
.venv/bin/coverage report --fail-under=90 --skip-covered --sort=cover
src=framework/src/gatelodge
.venv/bin/coverage report --fail-under=95 --format=total \
  --include="$src/resource_server/*,$src/issuer/*,$src/access/*,$src/registration/*,$src/app/*" >/dev/null \
  || { echo "coverage of resource_server, issuer, access, registration, app is below 95 %" >&2; exit 1; }
# Each of these by itself, branches with lines as everywhere here; a sum would let one hide behind another.
for floor in vault=100 connections=95 proxy=95; do
  .venv/bin/coverage report --precision=2 --fail-under="${floor#*=}" --include="$src/${floor%=*}/*" --skip-covered --show-missing \
    || { echo "coverage of ${floor%=*} is below ${floor#*=} %" >&2; exit 1; }
done
