"""Prometheus beside a stack: what it reads figures from, its files, and its process where the program is at hand.

Invariant: it reads internal addresses only, and listens on loopback. The rules and what is read are the files of
``infra/observability``, the same in a deployment. Not here: the figures themselves (``observability``).
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.record import write_private

__all__ = [
    "METRICS",
    "PROMETHEUS",
    "find_prometheus",
    "metric_urls",
    "prometheus_command",
    "scrape_targets",
    "write_prometheus",
]

# Begins the name of a part among the URLs of its figures.
METRICS = "metrics:"
PROMETHEUS = "prometheus_url"
_FILES = ("prometheus.yml", "alerts.yml")
_VERSION = re.compile(r"prometheus, version (\d+)\.")
_OLDEST = 2
_ASKED = 10  # seconds


def find_prometheus() -> Path | None:
    """The program on this person's PATH, when it is one that takes our files (2 or later): else it is left out.

    The stack must not fail to start because of what it can do without.
    """
    found = shutil.which("prometheus")
    if found is None:
        return None
    try:
        told = subprocess.run(  # noqa: S603 - the program that the PATH names, without a shell
            [found, "--version"], capture_output=True, text=True, timeout=_ASKED, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Version 2 writes to standard output, some builds to standard error.
    version = _VERSION.search(told.stdout + told.stderr)
    return Path(found) if version is not None and int(version[1]) >= _OLDEST else None


def scrape_targets(parts: Mapping[str, str], *, keycloak: str, traefik: str) -> dict[str, str]:
    """The files of ``targets/`` by name: addresses (``host:port``) of our parts by name, of Keycloak and of Traefik."""
    groups = {
        "gatelodge": [{"targets": [address], "labels": {"part": name}} for name, address in parts.items()],
        "keycloak": [{"targets": [keycloak], "labels": {"part": "keycloak"}}],
        "traefik": [{"targets": [traefik], "labels": {"part": "traefik"}}],
    }
    return {f"{job}.json": json.dumps(group, indent=2) + "\n" for job, group in groups.items()}


def write_prometheus(layout: Layout, ports: Ports) -> None:
    """Fill Prometheus's folder of a native stack; the figures of earlier runs stay in it. Raises: DiskRefused."""
    for name in _FILES:
        write_private(layout.prometheus / name, (layout.infra / "observability" / name).read_text(encoding="utf-8"))
    targets = scrape_targets(
        {name: f"127.0.0.1:{port}" for name, port in ports.metrics.items()},
        keycloak=f"127.0.0.1:{ports.management}",
        traefik=f"127.0.0.1:{ports.ping}",
    )
    for name, text in targets.items():
        write_private(layout.prometheus / "targets" / name, text)


def prometheus_command(program: Path, layout: Layout, ports: Ports) -> tuple[str, ...]:
    """The command line: on loopback, a week of figures in the state folder."""
    return (
        str(program),
        f"--config.file={layout.prometheus / 'prometheus.yml'}",
        f"--storage.tsdb.path={layout.prometheus / 'data'}",
        "--storage.tsdb.retention.time=7d",
        "--storage.tsdb.retention.size=512MB",
        f"--web.listen-address=127.0.0.1:{ports.prometheus}",
        "--log.level=warn",
    )


def metric_urls(ports: Ports, *, prometheus: bool) -> dict[str, str]:
    """Where figures are, by the names that the record uses."""
    urls = {f"{METRICS}{name}": f"http://127.0.0.1:{port}/metrics" for name, port in ports.metrics.items()}
    return urls | ({PROMETHEUS: f"http://127.0.0.1:{ports.prometheus}"} if prometheus else {})
