"""Traps of this machine: the stack's state, ports, rights of secret files, versions, certificates, settings."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from doctor_edge import ISSUER, MCP

from gatelodge.core.clock import SystemClock
from gatelodge.ops.doctor.examine import CHECKS
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Finding, Severity
from gatelodge.ops.doctor.findings.buffering import holding
from gatelodge.ops.doctor.findings.versions import below
from gatelodge.ops.stack.authority import Certificates, ensure_certificates
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.procfs import ProcessId
from gatelodge.ops.stack.record import Record, RunState
from gatelodge.testing.clock import ManualClock

Make = Callable[..., Facts]
BY_NAME = {check.name: check for check in CHECKS}


async def found(name: str, facts: Facts) -> Finding:
    return await BY_NAME[name].examine(facts)


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        (RunState.READY, Severity.OK),
        (RunState.FAILED, Severity.PROBLEM),
        (RunState.STOPPED, Severity.NOT_CHECKED),
        (RunState.STARTING, Severity.NOT_CHECKED),
    ],
)
async def test_the_state_of_the_stack_is_told(state: RunState, severity: Severity, facts: Make, layout: Layout) -> None:
    finding = await found("running", facts(layout=layout, record=Record(state, "desk ended")))
    assert finding.severity is severity
    assert ("desk ended" in finding.cause) is (severity is not Severity.OK)


async def test_a_part_that_died_is_named(facts: Make, layout: Layout) -> None:
    alive = ProcessId.of(os.getpid())
    assert alive is not None
    gone = ProcessId(alive.pid, alive.started - 1)
    record = Record(RunState.READY, processes={"desk": gone, "server": alive})
    finding = await found("running", facts(layout=layout, record=record))
    assert finding.severity is Severity.PROBLEM
    assert finding.cause.endswith("desk")


async def test_a_port_that_something_else_has_is_found(facts: Make, layout: Layout) -> None:
    stopped = Record(RunState.STOPPED)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        url = f"https://localhost:{port}/mcp"
        taken = await found("ports", facts(mcp_url=url, layout=layout, record=stopped))
    assert taken.severity is Severity.PROBLEM
    assert str(port) in taken.cause
    free = await found("ports", facts(mcp_url=url, layout=layout, record=stopped))
    assert free.severity is Severity.OK


async def test_a_secret_file_that_others_can_read_is_named(facts: Make, layout: Layout) -> None:
    layout.checkout.mkdir()
    layout.create()
    secret = layout.secrets / "admin"
    secret.write_text("a password")
    (layout.tls / "ca.pem").write_text("a certificate")
    (layout.tls / "ca.pem").chmod(0o644)
    secret.chmod(0o600)
    assert (await found("permissions", facts(layout=layout))).severity is Severity.OK
    secret.chmod(0o640)
    finding = await found("permissions", facts(layout=layout))
    assert finding.severity is Severity.PROBLEM
    assert str(secret) in finding.command


async def test_secret_files_of_the_environment_count(facts: Make, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a key")
    key.chmod(0o644)
    finding = await found("permissions", facts(environment={"GATELODGE_VAULT_KEY_FILE": str(key)}))
    assert finding.severity is Severity.PROBLEM
    finding = await found("permissions", facts(environment={"GATELODGE_CA_FILE": str(key)}))
    assert finding.severity is Severity.NOT_CHECKED


@pytest.mark.parametrize(
    ("version", "floor", "old"),
    [("1.9.9", "1.10.0", True), ("v3.7.15", "3.7.13", False), ("2", "2.0.0", False), ("0.0.30", "0.0.31", True)],
)
def test_versions_are_compared_by_number(version: str, floor: str, old: bool) -> None:
    assert below(version, floor) is old


async def test_a_part_below_its_floor_is_named(facts: Make, layout: Layout, pytestconfig: pytest.Config) -> None:
    infra = pytestconfig.rootpath / "infra"
    layout.infra.mkdir(parents=True)
    (layout.infra / "versions.toml").write_text((infra / "versions.toml").read_text())
    floors = (infra / "floors.toml").read_text()
    (layout.infra / "floors.toml").write_text(floors)
    assert (await found("versions", facts(layout=layout))).severity is Severity.OK
    (layout.infra / "floors.toml").write_text(floors.replace('fastmcp]\nfloor = "', 'fastmcp]\nfloor = "9'))
    finding = await found("versions", facts(layout=layout))
    assert finding.severity is Severity.PROBLEM
    assert "fastmcp" in finding.cause


def test_traefik_files_that_hold_answers_back_are_found(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    assert list(holding(pytestconfig.rootpath / "infra" / "traefik" / "dynamic.yaml")) == []
    slow = tmp_path / "dynamic.yaml"
    slow.write_text(
        "http:\n  routers: {server: {middlewares: [zip, ok]}}\n  middlewares: {zip: {compress: {}}, ok: {headers: {}}}\n"
    )
    assert list(holding(slow)) == ["server: zip"]


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[tuple[int, Certificates]]:
    """A TLS listener on loopback with a leaf of its own authority."""
    certificates = ensure_certificates(tmp_path, SystemClock())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.cert_file, certificates.key_file)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1], certificates
    server.close()
    await server.wait_closed()


async def test_a_certificate_is_judged_by_chain_and_age(facts: Make, tls: tuple[int, Certificates]) -> None:
    port, certificates = tls
    url = f"https://localhost:{port}/mcp"
    fresh = await found("certificate", facts(mcp_url=url, ca_file=certificates.ca_file, clock=SystemClock()))
    assert fresh.severity is Severity.OK
    years = ManualClock(SystemClock().now() + 10 * 365 * 86_400)
    old = await found("certificate", facts(mcp_url=url, ca_file=certificates.ca_file, clock=years))
    assert old.severity is Severity.WARNING
    stranger = await found("certificate", facts(mcp_url=url, clock=SystemClock()))
    assert stranger.severity is Severity.PROBLEM
    assert "certificate" in stranger.cause


async def test_no_connection_says_nothing_about_the_certificate(facts: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        finding = await found("certificate", facts(mcp_url=f"https://localhost:{free.getsockname()[1]}/mcp"))
    assert finding.severity is Severity.NOT_CHECKED


async def test_faulty_settings_are_listed(facts: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await found("configuration", facts())).severity is Severity.NOT_CHECKED
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", MCP)
    monkeypatch.setenv("GATELODGE_ISSUER", "no url")
    finding = await found("configuration", facts(environment=dict(os.environ)))
    assert finding.severity is Severity.PROBLEM
    assert "GATELODGE_ISSUER" in finding.cause
    monkeypatch.setenv("GATELODGE_ISSUER", ISSUER)
    assert (await found("configuration", facts(environment=dict(os.environ)))).severity is Severity.OK
    other = facts(environment=dict(os.environ), mcp_url=MCP + "/other")
    assert (await found("configuration", other)).severity is Severity.PROBLEM
