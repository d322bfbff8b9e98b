"""The registration bodies that clients really send, through Traefik and the desk to Keycloak, some up to a whole link."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from client_bodies import BODIES, CLAUDE_CODE, MCP_REMOTE, RUSTLS_CLI
from native_stack import READ, Stack

from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.oauth_types import RegisteredClient
from gatelodge.ops.link.obtain import Obtained, obtain_tokens
from gatelodge.ops.link.target import LinkTarget
from gatelodge.outbound.client import Outbound

pytestmark = pytest.mark.stack


class Clients:
    """Clients that are removed at the end of the test."""

    def __init__(self, stack: Stack, outbound: Outbound) -> None:
        self.target: LinkTarget = stack.target(READ, "offline_access")
        self.outbound = outbound
        self.made: list[str] = []

    async def register(self, body: dict[str, Any]) -> RegisteredClient:
        """A registration as the client sends it."""
        server = await oauth_steps.discover(self.outbound, self.target.mcp_url)
        client = await oauth_steps.register(self.outbound, server, body)
        self.made.append(client.client_id)
        return client

    async def link(self, client: RegisteredClient, redirect_uri: str) -> Obtained:
        """Sign-in, consent, code and tokens, then a refresh as it happens hours later."""
        linked = await obtain_tokens(self.target, client=client, redirect_uri=redirect_uri, outbound=self.outbound)
        assert linked.tokens.refresh_token is not None
        again = await oauth_steps.refresh(self.outbound, linked.server, client, linked.tokens.refresh_token)
        assert again.claims()["aud"] == self.target.mcp_url
        return linked


@pytest.fixture
async def registering(stack: Stack) -> AsyncIterator[Clients]:
    outbound = Outbound(ca_file=stack.ca_file, timeout=60)
    clients = Clients(stack, outbound)
    yield clients
    await outbound.aclose()
    for client_id in set(clients.made):
        stack.admin.delete_client(client_id)


@pytest.mark.parametrize("name", BODIES)
async def test_a_measured_body_is_registered_so_that_any_scope_can_be_asked_for_later(
    name: str, stack: Stack, registering: Clients
) -> None:
    body = BODIES[name]
    client = await registering.register(body)
    assert client.document["redirect_uris"] == body["redirect_uris"]
    assert client.document["client_name"] == body["client_name"]
    internal_id = stack.admin.keycloak.get_client_id(client.client_id)
    assert internal_id is not None
    stored = stack.admin.keycloak.get_client(internal_id)
    assert {READ, "deep-research:write", "offline_access"} <= set(stored["optionalClientScopes"])
    assert (stored["consentRequired"], stored["fullScopeAllowed"]) == (True, False)


@pytest.mark.parametrize("body", [CLAUDE_CODE, MCP_REMOTE, RUSTLS_CLI], ids=["Claude Code", "mcp-remote", "rustls CLI"])
async def test_a_measured_body_links_and_refreshes(body: dict[str, Any], registering: Clients) -> None:
    await registering.link(await registering.register(body), body["redirect_uris"][0])


async def test_a_client_that_comes_back_with_another_free_port_links_as_the_same_client(registering: Clients) -> None:
    body = {**CLAUDE_CODE, "client_name": "Claude Code (another port)"}
    first = await registering.register(body)
    redirect = "http://localhost:61234/callback"
    second = await registering.register({**body, "redirect_uris": [redirect]})
    assert second.client_id == first.client_id
    assert second.document["redirect_uris"] == [redirect]
    await registering.link(second, redirect)
