#!/usr/bin/env bash
# Makes the Docker tests possible on a Debian machine without Docker, as root: the engine of Debian's docker.io, the
# Compose plugin from its Go module, a running engine, and stand-ins of the images where none can be pulled. What is
# there already is used. Ends with 0 and says so when this machine cannot have it: the tests are then skipped.
set -euo pipefail
cd "$(dirname "$0")/../../.."
COMPOSE=v2.40.3

cannot() { echo "docker tests will be skipped: $1" >&2; exit 0; }
running() { docker info >/dev/null 2>&1; }

if ! command -v docker >/dev/null || ! { command -v dockerd >/dev/null || running; }; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || cannot "no Docker, and no way to install it (Debian, root)"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables \
    >/dev/null || cannot "docker.io could not be installed"
fi

if ! running; then
  [ "$(id -u)" = 0 ] || cannot "no engine runs, and only root can start one"
  log="$(mktemp)"
  # A session of its own: it serves the tests after this script.
  setsid nohup dockerd >"$log" 2>&1 </dev/null &
  for _ in $(seq 60); do
    if running; then break; fi
    sleep 1
  done
  running || cannot "the engine did not start: $(tail -n 1 "$log")"
fi

if ! docker compose version >/dev/null 2>&1; then
  command -v go >/dev/null || cannot "docker compose is missing, and Go to build it"
  folder="$(go mod download -json "github.com/docker/compose/v2@$COMPOSE" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')" \
    || cannot "the module of Compose $COMPOSE could not be had"
  plugins="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"
  mkdir -p "$plugins"
  echo "building Compose $COMPOSE (once per user, a few minutes)"
  (cd "$folder" && go build -trimpath -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$COMPOSE" \
    -o "$plugins/docker-compose" ./cmd) || cannot "Compose could not be built"
fi

missing=0
for tag in $(.venv/bin/python -c "import tomllib; print(*(part['image'] for part in tomllib.load(open('infra/versions.toml', 'rb')).values() if 'image' in part))"); do
  docker image inspect "$tag" >/dev/null 2>&1 || missing=1
done
if [ "$missing" = 1 ]; then
  if ! command -v mmdebstrap >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null \
      || cannot "images are missing, and mmdebstrap to make stand-ins"
  fi
  bash tests/e2e/docker/images/build.sh || cannot "the stand-ins of the images could not be built"
fi
echo "docker tests can run: engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)"
