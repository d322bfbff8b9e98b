#!/usr/bin/env bash
# Writes the bill of materials of an image as CycloneDX 1.6 JSON: scripts/sbom.sh IMAGE [FILE]. Needs a Docker engine.
# What is in the image is read from the image itself. The environment that does it is .tools/sbom.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="$here/../.tools"

fail() { printf 'sbom: %s\n' "$1" >&2; exit 1; }
case "${1:-}" in
  "" | -*) echo "usage: scripts/sbom.sh IMAGE [FILE]" >&2; exit 2 ;;
esac
docker image inspect "$1" >/dev/null 2>&1 || fail "the image $1 is not here, or no engine answers"
[ -x "$tools/bin/uv" ] || fail "uv is missing; make env fetches it"

if ! cmp -s "$here/sbom.lock" "$tools/sbom/made-from.lock"; then
  "$tools/bin/uv" venv --quiet --clear --python "$(command -v python3)" "$tools/sbom"
  "$tools/bin/uv" pip install --quiet --python "$tools/sbom/bin/python" --require-hashes -r "$here/sbom.lock"
  cp "$here/sbom.lock" "$tools/sbom/made-from.lock"
fi
exec "$tools/sbom/bin/python" "$here/sbom.py" "$@"
