#!/usr/bin/env bash
# Makes .tools/ (a pinned uv) and .venv/ (everything in requirements.lock, checked by hash, and our packages).
# Installs nothing outside the checkout; downloads stay in the user's cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9

fail() { printf 'bootstrap: %s\n' "$1" >&2; exit 1; }

command -v python3 >/dev/null || fail "python3 is missing; install Python 3.11 or later"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || fail "python3 is $(python3 -V 2>&1 | cut -d' ' -f2); Python 3.11 or later is needed"

if [ ! -x .tools/bin/uv ] || [ "$(.tools/bin/uv --version | cut -d' ' -f2)" != "$UV_VERSION" ]; then
  echo "preparing the tool environment (uv $UV_VERSION)"
  rm -rf .tools
  if ! python3 -m venv .tools 2>/dev/null; then
    # Debian splits ensurepip off; a pip that is there can still fill an environment made without it.
    rm -rf .tools
    python3 -m pip --version >/dev/null 2>&1 \
      || fail "python3 can make no environments here; install its venv module (Debian: apt-get install python3-venv)"
    python3 -m venv --without-pip .tools
    python3 -m pip --python .tools/bin/python install --quiet --require-hashes -r scripts/tools.lock
  else
    .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r scripts/tools.lock
  fi
fi

echo "preparing the project environment (.venv)"
[ -x .venv/bin/python ] || .tools/bin/uv venv --quiet --python "$(command -v python3)" .venv
.tools/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
.tools/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --no-index \
  --editable framework --editable sample-deep-research-mcp --editable servers/toolbox-mcp --editable servers/workspace-mcp
touch .venv/.ready
