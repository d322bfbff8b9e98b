#!/usr/bin/env bash
# Writes what a running deployment of compose.yaml keeps into one file: Keycloak's database (pg_dump, one consistent
# moment) and every other volume. Nothing is stopped. Run it with the variables that the deployment runs with.
set -euo pipefail
# shellcheck source=infra/compose/deployment.sh
. "$(dirname "$0")/deployment.sh"

read_arguments "$@"
[ -d "$(dirname "$file")" ] || stop "there is no folder $(dirname "$file")"
[ ! -e "$file" ] || [ -n "$force" ] || stop "$file is there already; give another name, or --force to replace it"
read_deployment
docker compose exec --no-TTY postgres pg_isready --quiet --username keycloak 2>/dev/null \
  || stop "PostgreSQL of the project '$project' does not answer: start it (docker compose up --detach --wait postgres)"

# Beside the file, so that it appears at once and whole.
work="$(mktemp -d "$file.XXXXXX")"
trap 'rm -rf "$work"' EXIT

docker compose exec --no-TTY postgres pg_dump --format=custom --username keycloak keycloak >"$work/database.dump" \
  || stop "pg_dump failed; nothing was written"

mounts=() names=()
while read -r volume; do
  name="$(docker volume inspect --format '{{index .Labels "com.docker.compose.volume"}}' "$volume")"
  # The database is dumped above; figures and dashboards are watched, not kept.
  case "$name" in database | prometheus-figures | grafana-state) continue ;; esac
  mounts+=(--volume "$volume:/volumes/$name") names+=("$name")
done < <(docker volume ls --quiet --filter "label=com.docker.compose.project=$project" | sort)
[ "${#names[@]}" -gt 0 ] || stop "the project '$project' has no volumes"
# Root, but with two rights only: to read what belongs to others, and to open SQLite's files as their owner.
docker run --rm --network none --read-only --user 0:0 --cap-drop ALL --cap-add DAC_READ_SEARCH --cap-add SETUID \
  --security-opt no-new-privileges --volume "$PWD/infra/compose/volumes.py:/volumes.py:ro" "${mounts[@]}" \
  "$(docker compose config --images prepare | head -n 1)" python /volumes.py pack >"$work/volumes.tar" \
  || stop "the volumes could not be read; nothing was written"

{
  echo "gatelodge backup 1"
  echo "made $(date -u +%Y-%m-%dT%H:%M:%SZ)"
  echo "issuer $(sed -n 's/^ *GATELODGE_ISSUER: //p' <<<"$settings" | head -n 1)"
  echo "keycloak $(sed -n 's/^ *KEYCLOAK: //p' <<<"$settings" | head -n 1)"
  echo "postgres $(docker compose exec --no-TTY postgres postgres --version | tr -d '\r')"
  echo "volumes ${names[*]}"
} >"$work/manifest.txt"
(cd "$work" && sha256sum manifest.txt database.dump volumes.tar >SHA256SUMS)
tar --create --file "$work/backup.tar" --directory "$work" manifest.txt SHA256SUMS database.dump volumes.tar
mv -f "$work/backup.tar" "$file"
printf 'backup: %s bytes in %s\n' "$(stat -c %s "$file")" "$file"
echo "backup: it holds every password, the desk's secret and the authority's key. Encrypt it before it leaves this host."
