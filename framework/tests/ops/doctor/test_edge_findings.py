"""Traps of name, clock, edge and issuer: each is found, and a healthy edge has none."""

import socket
from collections.abc import Callable

import pytest
from doctor_edge import ISSUER, MCP, Edge

from gatelodge.ops.doctor.examine import CHECKS, examine
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Finding, Severity

Make = Callable[..., Facts]
BY_NAME = {check.name: check for check in CHECKS}


async def found(name: str, facts: Facts) -> Finding:
    return await BY_NAME[name].examine(facts)


@pytest.mark.parametrize("name", ["clock", "issuer", "open-routes", "buffering", "ports"])
async def test_a_healthy_edge_has_no_finding(name: str, facts: Make) -> None:
    finding = await found(name, facts())
    assert (finding.severity, finding.fix, finding.command) == (Severity.OK, "", "")


@pytest.mark.parametrize(
    ("date", "severity"),
    [
        ("Sat, 21 Nov 2026 12:00:02 GMT", Severity.OK),
        ("Sat, 21 Nov 2026 12:00:08 GMT", Severity.WARNING),
        ("Sat, 21 Nov 2026 11:59:30 GMT", Severity.PROBLEM),
        ("yesterday", Severity.NOT_CHECKED),
    ],
)
async def test_clocks_that_differ_are_found(date: str, severity: Severity, facts: Make, edge: Edge) -> None:
    edge.headers["date"] = date
    finding = await found("clock", facts())
    assert finding.severity is severity
    if severity is Severity.PROBLEM:
        assert "30 s" in finding.cause
        assert finding.command


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"resource": "https://mcp.example.com", "authorization_servers": [ISSUER]}, "clients type"),
        ({"resource": MCP + "/", "authorization_servers": [ISSUER]}, "clients type"),
        ({"resource": MCP, "authorization_servers": []}, "no authorization server"),
        ({"resource": MCP, "authorization_servers": ["https://mcp.example.com/realms/other"]}, "no metadata"),
    ],
)
async def test_a_wrong_resource_document_is_found(document: object, said: str, facts: Make, edge: Edge) -> None:
    edge.documents["/.well-known/oauth-protected-resource/mcp"] = (200, document)
    finding = await found("issuer", facts())
    assert finding.severity is Severity.PROBLEM
    assert said in finding.cause
    assert finding.fix


@pytest.mark.parametrize("issuer", [ISSUER + "/", "http://keycloak:8080/realms/mcp", None])
async def test_an_issuer_that_names_itself_otherwise_is_found(issuer: object, facts: Make, edge: Edge) -> None:
    edge.documents["/.well-known/oauth-authorization-server/realms/mcp"] = (200, {"issuer": issuer})
    finding = await found("issuer", facts())
    assert finding.severity is Severity.PROBLEM
    assert repr(issuer) in finding.cause


@pytest.mark.parametrize(
    "path", ["/admin/", "/realms/mcp/clients-registrations/default", "/realms/master", "/metrics", "/internal/clients"]
)
async def test_an_open_route_is_named(path: str, facts: Make, edge: Edge) -> None:
    edge.documents[path] = (200, {})
    finding = await found("open-routes", facts())
    assert finding.severity is Severity.PROBLEM
    assert f"{path} (200)" in finding.cause
    assert path in finding.command


async def test_looking_changes_nothing(facts: Make, edge: Edge) -> None:
    await examine(facts())
    assert {line.split()[0] for line in edge.asked} == {"GET", "POST"}
    assert [line for line in edge.asked if line.startswith("POST")] == ["POST /mcp"], "without a token: refused"


async def test_compressed_answers_are_found(facts: Make, edge: Edge) -> None:
    edge.headers["content-encoding"] = "x-own"
    assert (await found("buffering", facts())).severity is Severity.PROBLEM


@pytest.mark.parametrize("name", ["clock", "open-routes", "buffering"])
async def test_what_cannot_be_asked_is_not_called_healthy(name: str, facts: Make, edge: Edge) -> None:
    edge.down = True
    assert (await found(name, facts())).severity is Severity.NOT_CHECKED


@pytest.mark.parametrize("name", ["ports", "issuer"])
async def test_an_edge_that_does_not_answer_is_a_problem(name: str, facts: Make, edge: Edge) -> None:
    edge.down = True
    finding = await found(name, facts())
    assert finding.severity is Severity.PROBLEM
    assert finding.command


async def test_a_name_that_does_not_resolve_is_found(facts: Make) -> None:
    finding = await found("dns", facts(mcp_url="https://nowhere.invalid/mcp"))
    assert finding.severity is Severity.PROBLEM
    assert "nowhere.invalid" in finding.cause


async def test_a_private_address_is_for_local_clients_only(facts: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    finding = await found("dns", facts())
    assert finding.severity is Severity.WARNING
    assert "10.0.0.7" in finding.cause


async def test_localhost_is_healthy(facts: Make) -> None:
    assert (await found("dns", facts(mcp_url="https://localhost:8443/mcp"))).severity is Severity.OK
