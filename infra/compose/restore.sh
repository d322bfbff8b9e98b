#!/usr/bin/env bash
# Brings a deployment of compose.yaml back from a file of backup.sh and starts it: volumes first, then the database, then
# everything. The deployment must not exist yet; --force removes it with all its data before.
set -euo pipefail
# shellcheck source=infra/compose/deployment.sh
. "$(dirname "$0")/deployment.sh"

read_arguments "$@"
[ -f "$file" ] || stop "there is no file $file"
read_deployment

# Checked before anything is removed or made.
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
tar --extract --file "$file" --directory "$work" manifest.txt SHA256SUMS database.dump volumes.tar 2>/dev/null \
  || stop "$file is no backup, or not whole"
(cd "$work" && sha256sum --check --quiet --strict SHA256SUMS >/dev/null 2>&1) \
  || stop "$file is damaged: its checksums do not fit"
[ "$(head -n 1 "$work/manifest.txt")" = "gatelodge backup 1" ] || stop "$file is of another version"
was="$(sed -n 's/^issuer //p' "$work/manifest.txt")"
now="$(sed -n 's/^ *GATELODGE_ISSUER: //p' <<<"$settings" | head -n 1)"
[ "$was" = "$now" ] || echo "restore: the backup is of $was and this will be $now: clients have to link again" >&2

if [ -n "$(docker volume ls --quiet --filter "label=com.docker.compose.project=$project")" ]; then
  [ -n "$force" ] || stop "the project '$project' has volumes already; --force removes them and all they hold"
  docker compose down --volumes --remove-orphans
fi

echo "restore: $project from the backup of $(sed -n 's/^made //p' "$work/manifest.txt")"
docker compose create
read -r -a names < <(sed -n 's/^volumes //p' "$work/manifest.txt")
mounts=()
for name in "${names[@]}"; do
  volume="$(docker volume ls --quiet --filter "label=com.docker.compose.project=$project" \
    --filter "label=com.docker.compose.volume=$name")"
  [ -n "$volume" ] || stop "compose.yaml has no volume '$name': restore with the version and the COMPOSE_PROFILES of the backup"
  mounts+=(--volume "$volume:/volumes/$name")
done
docker run --rm --interactive --network none --read-only --user 0:0 \
  --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --security-opt no-new-privileges \
  --volume "$PWD/infra/compose/volumes.py:/volumes.py:ro" "${mounts[@]}" \
  "$(docker compose config --images prepare | head -n 1)" python /volumes.py unpack <"$work/volumes.tar" \
  || stop "the volumes could not be written; look at the message above, then run this again with --force"

docker compose up --detach --wait postgres
docker compose exec --no-TTY postgres \
  pg_restore --exit-on-error --single-transaction --no-owner --username keycloak --dbname keycloak <"$work/database.dump" \
  || stop "the database could not be read in; run this again with --force"
docker compose up --detach --wait
echo "restore: $now serves"
