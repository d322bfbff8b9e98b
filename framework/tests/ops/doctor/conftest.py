"""One healthy edge and one healthy realm; each test changes what it looks for."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from doctor_edge import MCP, NOW, Edge, audience, policy, scope

from gatelodge.core.clock import Clock
from gatelodge.ops.doctor.facts import Facts, RealmView
from gatelodge.ops.doctor.findings import certificate
from gatelodge.ops.stack.layout import Layout
from gatelodge.outbound.client import Outbound
from gatelodge.testing.clock import ManualClock


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slow to connect is the machine."""
    monkeypatch.setattr(certificate, "TIMEOUT", 60.0)


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.fixture
def healthy_realm() -> RealmView:
    return RealmView(
        scopes={
            "basic": scope("basic", {"protocolMapper": "oidc-sub-mapper", "config": {}}),
            "offline_access": scope("offline_access"),
            "deep-research:read": scope("deep-research:read", audience(MCP)),
            "deep-research:write": scope("deep-research:write", audience(MCP)),
        },
        default_scopes=frozenset({"basic"}),
        optional_scopes=frozenset({"offline_access", "deep-research:read", "deep-research:write"}),
        offline_roles=frozenset({"offline_access"}),
        policies=(policy("trusted-hosts", trusted_hosts=["chatgpt.com"]), policy("max-clients", max_clients=["10"])),
        clients=3,
    )


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(checkout=tmp_path / "checkout", state=tmp_path / "state")


@pytest.fixture
async def facts(edge: Edge, healthy_realm: RealmView) -> AsyncIterator[Callable[..., Facts]]:
    """Makes the facts of one run; keywords replace single ones."""
    outbound = Outbound(transport=httpx2.MockTransport(edge.answer))
    clock: Clock = ManualClock(NOW)

    def make(**changed: Any) -> Facts:
        given: dict[str, Any] = {"mcp_url": MCP, "outbound": outbound, "clock": clock, "environment": {}}
        return Facts(**{**given, "_realm": healthy_realm, **changed})

    yield make
    await outbound.aclose()
