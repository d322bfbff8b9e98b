#!/usr/bin/env bash
# Builds stand-ins of the images that infra/versions.toml names, where none can be pulled: Debian by mmdebstrap, and on
# it the real programs. An image that is there is left alone. Needs the checkout's .venv and a running engine.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../../../.."
suite=trixie base=debian:trixie-slim
export DOCKER_BUILDKIT=0

there() { docker image inspect "$1" >/dev/null 2>&1; }
pin() { .venv/bin/python -c "import sys, tomllib; print(tomllib.load(open('infra/versions.toml', 'rb'))[sys.argv[1]]['image'])" "$1"; }

# build NAME FILE...: builds images/NAME.Dockerfile from the given files and folders, each SOURCE=NAME-IN-CONTEXT.
build() {
  local name="$1" tag context pair
  shift
  tag="$(pin "$name")"
  if there "$tag"; then return; fi
  echo "building the stand-in $tag"
  context="$(mktemp -d)"
  for pair in "$here/$name.Dockerfile=Dockerfile" "$@"; do
    cp -rL --reflink=auto "${pair%=*}" "$context/${pair##*=}"
  done
  chmod -R go+rX "$context"
  docker build --quiet --label gatelodge.stand-in=true --tag "$tag" "$context"
  rm -rf "$context"
}

if ! there "$base"; then
  echo "building the stand-in $base (about a minute)"
  mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" - | docker import - "$base"
fi

# The same programs as the native stack: found and checked by its own code.
read -r traefik java_home keycloak < <(.venv/bin/python "$here/programs.py")
build python "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}=authorities.crt"
build postgres "$here/postgres-entrypoint.sh=postgres-entrypoint.sh"
build traefik "$traefik=traefik" "$here/traefik-entrypoint.sh=traefik-entrypoint.sh"
build keycloak "$java_home=java" "$keycloak=keycloak"
build prometheus
build valkey
