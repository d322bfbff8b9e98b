# shellcheck shell=bash disable=SC2034 # its variables are for who reads it
# What backup.sh and restore.sh begin with: their arguments, and the deployment that the variables name. Read by them,
# not run.
set -euo pipefail
umask 077

script="$(basename "$0" .sh)"
stop() { printf '%s: %s\n' "$script" "$1" >&2; exit "${2:-1}"; }

# Sets force (empty without --force) and file, absolute.
read_arguments() {
  local usage="usage: infra/compose/$script.sh [--force] FILE" given
  force="" file=""
  for given in "$@"; do
    case "$given" in
      --force) force=1 ;;
      -*) stop "$usage" 2 ;;
      *) [ -z "$file" ] || stop "$usage" 2; file="$given" ;;
    esac
  done
  [ -n "$file" ] || stop "$usage" 2
  case "$file" in /*) ;; *) file="$PWD/$file" ;; esac
}

# Goes to the top of the repository; sets settings (compose.yaml with these variables) and project.
read_deployment() {
  cd "$(dirname "$0")/../.."
  docker compose version >/dev/null 2>&1 || stop "docker compose does not answer here"
  settings="$(docker compose config)" || stop "compose.yaml cannot be read with these variables"
  project="$(sed -n 's/^name: //p' <<<"$settings")"
}
