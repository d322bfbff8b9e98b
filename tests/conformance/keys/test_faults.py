"""Catalogue F02 over real sockets: whatever the issuer's end does, good keys stay and a fetch ends in time."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from protected import ISSUER
from results import record

from conformance.keys.fault_server import FAULTS, FaultServer, running
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.keys import KeySource, KeysUnavailable
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.discovery import keycloak_metadata
from gatelodge.testing.tokens import TokenFactory

COMMAND = ".venv/bin/pytest tests/conformance/keys/test_faults.py"


@pytest.fixture
async def server(tokens: TokenFactory) -> AsyncIterator[FaultServer]:
    async with running() as server:
        server.publish(ISSUER, keycloak_metadata(ISSUER, scopes=()), tokens.jwks())
        yield server


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound()
    yield outbound
    await outbound.aclose()


@contextmanager
def failing(server: FaultServer, fault: str) -> Iterator[None]:
    """The fault, and a deadline so short that silence is not waited for: only here, where no fetch is to end well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gatelodge.issuer.last_good.DEADLINE", 0.3)
        patch.setattr(server, "fault", fault)
        yield


def source(base: str, outbound: Outbound, clock: ManualClock, state: Path | None = None) -> KeySource:
    config = IssuerConfig(ISSUER, internal_url=f"{base}/realms/mcp")
    return KeySource(outbound, config, MetadataSource(outbound, config, clock, state), clock, state)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_leaves_the_good_keys_and_heals(
    server: FaultServer, outbound: Outbound, tokens: TokenFactory, clock: ManualClock, fault: str
) -> None:
    keys = source(server.base, outbound, clock)
    passed = [await keys.find(tokens.kid(), "RS256")]
    with failing(server, fault):
        for _ in range(3):
            clock.advance(150)
            passed.append(await keys.find(tokens.kid(), "RS256"))
        assert len(server.requests) > 2, "the fault was never met"
    clock.advance(300)
    tokens.rotate()
    server.publish(ISSUER, keycloak_metadata(ISSUER, scopes=()), tokens.jwks())
    passed.append(await keys.find(tokens.kid(), "RS256"))
    await keys.aclose()

    record(
        15,
        name=f"fault on a real socket: {fault}",
        tried=5,
        passed=len(passed),
        figure=f"{5 - len(passed)} valid requests failed",
        command=COMMAND,
        negative_control="a cold process with the same fault has no keys",
    )
    assert "/elsewhere" not in server.requests


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_cold_process_says_that_it_has_no_keys_and_recovers(
    server: FaultServer, outbound: Outbound, tokens: TokenFactory, clock: ManualClock, fault: str
) -> None:
    keys = source(server.base, outbound, clock)
    with failing(server, fault), pytest.raises(KeysUnavailable) as caught:
        await keys.find(tokens.kid(), "RS256")
    assert caught.value.status == 503
    clock.advance(caught.value.retry_after)

    assert await keys.find(tokens.kid(), "RS256")
    await keys.aclose()


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host name is known."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.mark.usefixtures("nameless")
async def test_a_name_that_is_gone_does_not_stop_a_restarted_process_that_has_a_copy(
    server: FaultServer, tokens: TokenFactory, clock: ManualClock, tmp_path: Path
) -> None:
    first, second = Outbound(), Outbound()
    await source(server.base, first, clock, tmp_path).warm()
    await first.aclose()
    base = "http://issuer.invalid"
    restarted = source(base, second, clock, tmp_path)

    assert await restarted.find(tokens.kid(), "RS256")
    cold = source(base, second, clock)
    with pytest.raises(KeysUnavailable):
        await cold.find(tokens.kid(), "RS256")
    await second.aclose()


@pytest.mark.parametrize("filler", [49_000, 51_000])
async def test_a_set_of_more_than_50_kb_is_refused(
    server: FaultServer, outbound: Outbound, tokens: TokenFactory, clock: ManualClock, filler: int
) -> None:
    small = tokens.jwks()
    rest = filler - sum(len(str(key)) for key in small["keys"])
    server.publish(ISSUER, keycloak_metadata(ISSUER, scopes=()), {**small, "filler": "x" * rest})
    keys = source(server.base, outbound, clock)

    if filler < 50_000:
        assert await keys.find(tokens.kid(), "RS256")
    else:
        with pytest.raises(KeysUnavailable, match="answer over 50000 bytes"):
            await keys.find(tokens.kid(), "RS256")
