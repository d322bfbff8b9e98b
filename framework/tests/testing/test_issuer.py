import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn

from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

ISSUER = "https://localhost:8443/realms/mcp"


@pytest.fixture
def issuer() -> FakeIssuer:
    return FakeIssuer(TokenFactory(ISSUER, "https://localhost:8443/mcp", ManualClock()))


@pytest.fixture
async def outbound(issuer: FakeIssuer) -> AsyncIterator[Outbound]:
    outbound = issuer.outbound()
    yield outbound
    await outbound.aclose()


@contextmanager
def served(app: FakeIssuer) -> Iterator[str]:
    """The base URL of a real server for the app, on a free port, in a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Listening already: a client that comes before the server is up waits in the queue.
        listener.listen()
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "url",
    [
        f"{ISSUER}/.well-known/openid-configuration",
        f"{ISSUER}/.well-known/oauth-authorization-server",
        "https://localhost:8443/.well-known/oauth-authorization-server/realms/mcp",
        "http://127.0.0.1:18080/realms/mcp/.well-known/openid-configuration",
    ],
)
async def test_the_metadata_is_at_the_urls_of_keycloak_on_every_host(
    issuer: FakeIssuer, outbound: Outbound, url: str
) -> None:
    assert await outbound.get_json(url) == issuer.metadata
    assert (issuer.metadata_fetches, issuer.keys_fetches) == (1, 0)


async def test_the_published_keys_are_those_of_the_factory_until_replaced(
    issuer: FakeIssuer, outbound: Outbound
) -> None:
    url = f"{ISSUER}/protocol/openid-connect/certs"

    assert await outbound.get_json(url) == issuer.tokens.jwks()
    issuer.keys = {"keys": []}
    assert await outbound.get_json(url) == {"keys": []}
    assert issuer.keys_fetches == 2


@pytest.mark.parametrize(
    "path", ["/", "/realms/mcp", "/.well-known/openid-configuration/realms/mcp", "/realms/master/.well-known/x"]
)
async def test_any_other_path_is_not_found(outbound: Outbound, path: str) -> None:
    assert (await outbound.request("GET", f"https://localhost:8443{path}")).status == 404


async def test_a_failing_issuer_answers_with_its_status(issuer: FakeIssuer, outbound: Outbound) -> None:
    issuer.status = 503

    with pytest.raises(UpstreamAnswerUnusable, match="status 503"):
        await outbound.get_json(f"{ISSUER}/protocol/openid-connect/certs")
    assert issuer.keys_fetches == 1


async def test_an_unreachable_issuer_refuses_connections(issuer: FakeIssuer, outbound: Outbound) -> None:
    issuer.unreachable = True

    with pytest.raises(UpstreamUnreachable):
        await outbound.get_json(f"{ISSUER}/protocol/openid-connect/certs")
    assert (issuer.refused, issuer.keys_fetches) == (1, 0)


async def test_a_gate_holds_the_answer(issuer: FakeIssuer, outbound: Outbound) -> None:
    issuer.gate = asyncio.Event()
    waiting = asyncio.create_task(outbound.get_json(f"{ISSUER}/.well-known/openid-configuration"))
    while_held, _ = await asyncio.wait({waiting}, timeout=0)
    assert not while_held
    issuer.gate.set()

    assert await waiting == issuer.metadata


async def test_the_configuration_names_issuer_and_scopes_and_takes_overrides(issuer: FakeIssuer) -> None:
    config = issuer.config(keys_ttl=7.0)

    assert (config.issuer, config.scopes) == (ISSUER, ("deep-research:read", "deep-research:write"))
    assert config.keys_ttl == 7.0


def test_a_real_server_can_run_it(issuer: FakeIssuer) -> None:
    with served(issuer) as base:
        answer = httpx2.get(f"{base}/realms/mcp/.well-known/openid-configuration", timeout=60)

    assert answer.json() == issuer.metadata


def test_keys_are_found_through_a_real_server_at_the_internal_url(issuer: FakeIssuer) -> None:
    async def found(base: str) -> str | None:
        outbound, clock = Outbound(), ManualClock()
        config = issuer.config(internal_url=f"{base}/realms/mcp")
        keys = KeySource(outbound, config, MetadataSource(outbound, config, clock), clock)
        try:
            return (await keys.find(issuer.tokens.kid(), "RS256")).kid
        finally:
            await outbound.aclose()

    with served(issuer) as base:
        assert asyncio.run(found(base)) == issuer.tokens.kid()
