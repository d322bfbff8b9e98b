#!/usr/bin/env bash
# Brings promtool and Prometheus for the tests of infra/observability, on Debian as root, from Debian's own package. Its
# service is not started. What is there already is used; ends with 0 in any case: without them those tests are skipped.
set -euo pipefail

if command -v promtool >/dev/null && command -v prometheus >/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "tests of Prometheus will be skipped: no promtool, and no way to install it (Debian, root)" >&2
  exit 0
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus; } >/dev/null \
  || echo "tests of Prometheus will be skipped: Debian's package prometheus could not be installed" >&2
