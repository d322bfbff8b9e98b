"""Prints where Traefik, Java's home and the built Keycloak are, as the native stack finds, fetches and checks them."""

import sys
import tempfile
from pathlib import Path

from gatelodge.ops.stack.binaries import find_binaries
from gatelodge.ops.stack.distribution import build_with_kc, prepare_keycloak
from gatelodge.ops.stack.layout import cache_folder
from gatelodge.ops.stack.versions import read_versions

_PINS = Path(__file__).resolve().parents[4] / "infra" / "versions.toml"


def _report(line: str) -> None:
    sys.stderr.write(line + "\n")


def main() -> None:
    """One line of three paths; progress goes to standard error."""
    versions = read_versions(_PINS)
    binaries = find_binaries(versions)
    with tempfile.TemporaryDirectory() as folder:
        build = build_with_kc(binaries.java_home, Path(folder) / "build.log")
        keycloak = prepare_keycloak(versions.keycloak, cache_folder(), build=build, report=_report)
    sys.stdout.write(f"{binaries.traefik} {binaries.java_home} {keycloak}\n")


if __name__ == "__main__":
    main()
