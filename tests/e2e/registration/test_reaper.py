"""The reaper at a real Keycloak: years ahead by its clock, a linked client stays and its link goes on working."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from native_stack import READ, Stack, gatelodge

from gatelodge.core.clock import SystemClock
from gatelodge.ops.clients.place import from_state, opened
from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.obtain import obtain_tokens
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.marks import SEEN_AT, made_by, moment
from gatelodge.registration.reaper import ReapPolicy, sweep

pytestmark = pytest.mark.stack

DAY = 86_400.0


class OnlySome:
    """The realm's clients, of which a sweep sees only these: other tests have clients in the same realm."""

    def __init__(self, clients: KeycloakClients, *names: str) -> None:
        self._clients = clients
        self._names = names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clients, name)

    async def all(self) -> AsyncIterator[dict[str, Any]]:
        async for client in self._clients.all():
            if client["clientId"] in self._names:
                yield client


async def test_in_ten_years_an_offline_link_keeps_its_client_and_an_unused_one_goes(stack: Stack) -> None:
    target = stack.target(READ, "offline_access")
    outbound = target.outbound()
    linked = await obtain_tokens(target, outbound=outbound)
    body = oauth_steps.registration_body("http://127.0.0.1:33500/callback", client_name="never used")
    unused = await oauth_steps.register(outbound, linked.server, body)
    now = SystemClock().now()
    names = (linked.client.client_id, unused.client_id)
    policy = ReapPolicy()
    try:
        async with opened(from_state(stack.state), SystemClock()) as real:
            clients: Any = OnlySome(real, *names)
            found = await real.find(unused.client_id)
            assert found is not None
            assert made_by(found) == "dcr"
            early = await sweep(clients, policy=policy, now=now + 60, dry_run=False)
            assert (early.looked_at, early.removed) == (0, [])
            dry = await sweep(clients, policy=policy, now=now + 2 * DAY, dry_run=True)
            assert [removal.client_id for removal in dry.removed] == [unused.client_id]
            for days in (2, 200, 3650):
                await sweep(clients, policy=policy, now=now + days * DAY, dry_run=False)
            assert await real.find(unused.client_id) is None
            kept = await real.find(linked.client.client_id)
            assert kept is not None
            assert moment(kept, SEEN_AT) == int(now + 3650 * DAY)
        assert linked.tokens.refresh_token is not None
        again = await oauth_steps.refresh(outbound, linked.server, linked.client, linked.tokens.refresh_token)
        assert again.access_token
    finally:
        for name in names:
            stack.admin.delete_client(name)
        await outbound.aclose()


def test_a_newcomer_lists_adds_and_shows_clients(stack: Stack) -> None:
    made = gatelodge("clients", "add", "chatgpt", "--name", "of this test", state=stack.state)
    try:
        assert made.returncode == 0, made.stderr
        for text in (stack.mcp_url, "chatgpt-of-this-test", f"{stack.issuer}/protocol/openid-connect/token", READ):
            assert text in made.stdout
        again = gatelodge("clients", "add", "chatgpt", "--name", "of this test", state=stack.state)
        assert again.returncode == 1
        assert "gatelodge clients show chatgpt-of-this-test" in again.stderr
        listed = gatelodge("clients", "list", state=stack.state)
        assert "chatgpt-of-this-test" in listed.stdout
        assert "predefined" in listed.stdout
        assert "gatelodge-desk" not in listed.stdout
        shown = gatelodge("clients", "show", "chatgpt-of-this-test", state=stack.state)
        assert "https://chatgpt.com/connector_platform_oauth_redirect" in shown.stdout
        assert gatelodge("clients", "reap", "--dry-run", state=stack.state).returncode == 0
    finally:
        stack.admin.delete_client("chatgpt-of-this-test")
