"""Prometheus beside a native stack: it reads what is there, on loopback, and costs nothing where it is not installed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gatelodge.cli.main import build_parser
from gatelodge.core.clock import SystemClock
from gatelodge.ops.stack.authority import ensure_certificates
from gatelodge.ops.stack.binaries import Binaries
from gatelodge.ops.stack.credentials import prepare_credentials
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.options import StackOptions
from gatelodge.ops.stack.parts import Composition, compose
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.process import Part
from gatelodge.ops.stack.prometheus import find_prometheus, metric_urls, write_prometheus
from gatelodge.ops.stack.record import RunState
from gatelodge.ops.stack.status import StackStatus
from gatelodge.ops.stack.table import render_status
from gatelodge.outbound.client import Outbound

_PORTS = Ports(9443, 1, 2, 3, 4, 5, metrics={"desk": 6, "server": 7}, prometheus=8)


async def _parts(layout: Layout, program: Path | None) -> dict[str, Part]:
    async def ensure() -> None:
        return

    outbound = Outbound()
    given = Composition(
        StackOptions(layout, port=9443),
        _PORTS,
        Binaries(Path("/bin/traefik"), Path("/java/bin/java")),
        ensure_certificates(layout.tls, SystemClock()),
        prepare_credentials(layout.secrets),
        (),
        outbound,
        program,
    )
    await outbound.aclose()
    return {part.name: part for part in compose(given, ensure_realm=ensure)}


async def test_our_parts_show_their_figures_on_loopback_whatever_the_caller_has_set(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATELODGE_METRICS_BIND", "0.0.0.0")  # noqa: S104 - what must not get through
    monkeypatch.setenv("GATELODGE_METRICS_PORT", "9464")
    parts = await _parts(layout, None)
    found = {
        name: (part.environment.get("GATELODGE_METRICS_BIND"), part.environment.get("GATELODGE_METRICS_PORT"))
        for name, part in parts.items()
        if name in _PORTS.metrics
    }
    assert found == {"desk": ("127.0.0.1", "6"), "server": ("127.0.0.1", "7")}


async def test_prometheus_is_a_part_where_its_program_is_and_only_there(layout: Layout) -> None:
    assert "prometheus" not in await _parts(layout, None)
    part = (await _parts(layout, Path("/bin/prometheus")))["prometheus"]
    assert part.command[0] == "/bin/prometheus"
    assert "--web.listen-address=127.0.0.1:8" in part.command
    assert f"--storage.tsdb.path={layout.state / 'prometheus' / 'data'}" in part.command
    assert not any(name.startswith("GATELODGE_") for name in part.environment)


def test_it_reads_every_part_at_its_port(layout: Layout) -> None:
    write_prometheus(layout, _PORTS)
    targets: dict[str, list[dict[str, Any]]] = {
        path.stem: json.loads(path.read_text()) for path in (layout.prometheus / "targets").iterdir()
    }
    assert {job: [group["targets"] for group in groups] for job, groups in targets.items()} == {
        "gatelodge": [["127.0.0.1:6"], ["127.0.0.1:7"]],
        "keycloak": [["127.0.0.1:3"]],
        "traefik": [["127.0.0.1:1"]],
    }
    assert [group["labels"]["part"] for group in targets["gatelodge"]] == ["desk", "server"]
    for name in ("prometheus.yml", "alerts.yml"):
        assert (layout.prometheus / name).read_text() == (layout.infra / "observability" / name).read_text()


def test_the_program_is_the_one_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_prometheus() is None
    program = tmp_path / "prometheus"
    for says, expected in (
        ("prometheus, version 3.16.0 (branch: HEAD)", program),
        ("prometheus, version 2.42.0+ds", program),
        ("prometheus, version 1.8.2", None),
        ("something else of that name", None),
    ):
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        assert find_prometheus() == expected
    program.write_text("#!/nothing/there\n")
    assert find_prometheus() is None


@pytest.mark.parametrize("wanted", [True, False])
def test_a_detached_start_hands_on_whether_prometheus_is_wanted(layout: Layout, wanted: bool) -> None:
    options = replace(StackOptions(layout), prometheus=wanted)
    assert build_parser().parse_args(["up", *options.arguments()]).prometheus is wanted


@pytest.mark.parametrize("runs", [True, False])
def test_the_status_says_where_figures_are(layout: Layout, runs: bool) -> None:
    urls = StackOptions(layout).urls | metric_urls(_PORTS, prometheus=runs)
    status = StackStatus(RunState.READY, "ready", urls, layout.ca_file, layout.logs, {}, ())
    text, document = render_status(status), status.document()
    assert "Metrics of desk: http://127.0.0.1:6/metrics" in text
    assert document["metrics"] == {"desk": "http://127.0.0.1:6/metrics", "server": "http://127.0.0.1:7/metrics"}
    assert document.get("prometheus_url") == ("http://127.0.0.1:8" if runs else None)
    assert ("Prometheus: http://127.0.0.1:8" in text) is runs
