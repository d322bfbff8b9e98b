"""The parts as a running server has them: which connections carry what."""

from collections.abc import Callable

from raw_upstream import answer, raw_upstream

from gatelodge.app.connected.parts import opened
from gatelodge.connections.registry import Registry
from gatelodge.core.secret import Secret
from gatelodge.settings.connected import ConnectedSettings
from gatelodge.settings.connections import ConnectionSettings
from gatelodge.settings.load import load
from gatelodge.settings.proxy import ProxySettings
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.vault import VaultSettings
from gatelodge.settings.web import WebSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.vault.owner import Owner

OLD = {"access_token": Secret("canary-a0"), "refresh_token": Secret("canary-r0")}
NEW = {"access_token": "canary-a1", "refresh_token": "canary-r1", "token_type": "bearer", "bot_id": "b"}


def loaded() -> tuple[ConnectedSettings, Registry]:
    server = load(ServerSettings)
    own = (load(VaultSettings, state_dir=server.state_dir), load(ConnectionSettings), load(WebSettings))
    settings = ConnectedSettings(server, *own, load(ProxySettings))
    return settings, Registry(settings.connections.provider_configs(), development=True)


async def test_a_refresh_never_goes_out_on_a_connection_that_was_kept(environment: Callable[..., None]) -> None:
    async with raw_upstream() as raw:
        # Notion's token endpoint and API are one host, and a lost answer of a refresh costs the link.
        urls = {"GATELODGE_NOTION_API_URL": raw.url, "GATELODGE_NOTION_TOKEN_URL": f"{raw.url}/v1/oauth/token"}
        client = {"GATELODGE_NOTION_CLIENT_ID": "client", "GATELODGE_NOTION_CLIENT_SECRET": "canary-secret"}
        environment(**urls, **client)
        settings, registry = loaded()
        owner = Owner("https://localhost:8443/realms/mcp", "alice", "notion")
        clock = ManualClock()
        async with opened(settings, registry, clock) as parts:
            await parts.store.put(owner, OLD, actor="test")
            for _ in range(2):
                await parts.upstream.send(owner, "notion", "GET", "/v1/users/me", purpose="test")
            assert raw.connections == 1
            for turn in range(2):
                clock.advance(3600)
                raw.will(answer(200, NEW | {"access_token": f"canary-a{turn + 1}"}))
                await parts.tokens.renewed(owner, Secret(f"canary-a{turn}"), purpose="test")
            assert raw.connections == 1 + 2
            assert [request.method for request in raw.asked] == ["GET", "GET", "POST", "POST"]


async def test_an_unlink_forgets_what_was_kept_of_the_account(environment: Callable[..., None]) -> None:
    async with raw_upstream() as raw:
        client = {"GATELODGE_GITHUB_CLIENT_ID": "client", "GATELODGE_GITHUB_CLIENT_SECRET": "canary-secret"}
        environment(GATELODGE_GITHUB_API_URL=raw.url, **client)
        owner = Owner("https://localhost:8443/realms/mcp", "alice", "github")
        async with opened(*loaded(), ManualClock()) as parts:

            async def kept() -> bool:
                return (await parts.upstream.send(owner, "github", "GET", "/user", purpose="test")).kept

            await parts.store.put(owner, OLD, actor="test")
            assert [await kept(), await kept()] == [False, True]
            await parts.linking.unlink(owner, actor="test")
            await parts.store.put(owner, OLD, actor="test")
            assert not await kept(), "the same token, linked anew"
