#!/usr/bin/env bash
# Rolls the two replicas of the sample to what compose.yaml and its variables say now, one after the other, without a
# failed request: bash infra/compose/roll.sh [OPTION OF "docker compose up" ...], such as --build or --force-recreate.
# A replica that does not become healthy ends the roll with 1; the other one was not touched and serves on.
# Needs GATELODGE_SECOND_REPLICA=1 and both replicas up. Variables come from the environment or .env, as for Compose.
set -euo pipefail
cd "$(dirname "$0")/../.."

REPLICAS=(sample sample-2)
SECONDS_TO_HEALTHY="${ROLL_SECONDS:-120}"
# Traefik asks each replica once a second: it must have seen the new one before the next one says that it stops.
SECONDS_TO_BE_SEEN=3

compose() { docker compose --progress plain "$@"; }
healthy() {
  local container
  container="$(compose ps --quiet "$1" 2>/dev/null)" && [ -n "$container" ] &&
    [ "$(docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ]
}

# Asked of the engine: Compose's --wait was seen to end well for a container whose health had not been looked at yet.
wait_healthy() {
  local end=$((SECONDS + SECONDS_TO_HEALTHY))
  until healthy "$1"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

broken=() sound=()
for replica in "${REPLICAS[@]}"; do
  if ! healthy "$replica"; then
    # The way back after a failed roll: the one that is not healthy is replaced first, and the healthy one serves on.
    broken+=("$replica")
  else
    sound+=("$replica")
  fi
done
if [ "${#sound[@]}" = 0 ]; then
  echo "roll: no replica is healthy: nothing to roll. Next step: docker compose up --detach --wait" >&2
  exit 2
fi
if [ "${#broken[@]}" != 0 ] && [ -z "$(compose ps --all --quiet "${broken[0]}")" ]; then
  echo "roll: there is one replica only. Next step: set GATELODGE_SECOND_REPLICA=1, then docker compose up --detach --wait" >&2
  exit 2
fi

for replica in "${broken[@]}" "${sound[@]}"; do
  # SIGTERM to the old one: it says that it is not ready, serves on, ends its open answers, and goes.
  if ! compose up --detach --no-deps "$@" "$replica" || ! wait_healthy "$replica"; then
    echo "roll: $replica did not become healthy; the others were not touched. Next step: docker compose logs $replica," >&2
    echo "then set the version that worked and roll again" >&2
    exit 1
  fi
  sleep "$SECONDS_TO_BE_SEEN"
  echo "roll: $replica runs $(docker inspect --format '{{.Config.Image}} {{.Image}}' "$(compose ps --quiet "$replica")")"
done
