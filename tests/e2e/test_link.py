"""Whole links by real clients through TLS, Traefik, the desk and Keycloak (K1, K4-K7, B4)."""

import ssl

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.transports import StreamableHttpTransport
from mcp.shared.auth import AuthorizationCodeResult
from native_stack import READ, WRITE, Stack

from gatelodge.ops.link.browser import ScriptedBrowser
from gatelodge.ops.link.session import Era, link

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("era", "version"), [("modern", "2026-07-28"), ("legacy", "2025-11-25"), ("auto", "2026-07-28")]
)
async def test_the_official_client_links_and_searches_in_each_era(stack: Stack, era: Era, version: str) -> None:
    report = await link(stack.target(), era=era)
    stack.admin.delete_client(report.client_id)
    assert report.protocol_version == version
    assert report.issuer == stack.issuer
    assert set(report.tools) == {"search", "fetch", "save_note"}
    assert {READ, "offline_access"} <= set(report.scope.split())


class _ScriptedOAuth(OAuth):
    """FastMCP's own OAuth client with a scripted browser."""

    def __init__(self, browser: ScriptedBrowser, context: ssl.SSLContext) -> None:
        self._browser = browser
        self._answers: list[AuthorizationCodeResult] = []

        def factory(
            headers: dict[str, str] | None = None,
            timeout: httpx2.Timeout | None = None,
            auth: httpx2.Auth | None = None,
        ) -> httpx2.AsyncClient:
            return httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth, verify=context)

        super().__init__(httpx_client_factory=factory)

    async def redirect_handler(self, authorization_url: str) -> None:
        found = await self._browser.authorize(authorization_url)
        assert found.code, found
        self._answers.append(AuthorizationCodeResult(code=found.code, state=found.state, iss=found.iss))

    async def callback_handler(self) -> AuthorizationCodeResult:
        return self._answers.pop()


# The tokens of a test are meant to end with it.
@pytest.mark.filterwarnings("ignore:Using in-memory token storage")
async def test_the_fastmcp_client_links_steps_up_and_finds_its_note(stack: Stack) -> None:
    context = ssl.create_default_context(cafile=str(stack.ca_file))
    oauth = _ScriptedOAuth(stack.target().browser(), context)
    transport = StreamableHttpTransport(stack.mcp_url, auth=oauth, verify=context)
    async with Client(transport) as client:
        assert {tool.name for tool in await client.list_tools()} == {"search", "fetch", "save_note"}
        before = oauth.context.current_tokens
        assert before is not None
        assert WRITE not in (before.scope or "")
        # 403 insufficient_scope: the client signs in once more with the scope of the challenge, then repeats the call.
        saved = await client.call_tool("save_note", {"title": "Zebrafish", "text": "A zebrafish swims at dusk."})
        after = oauth.context.current_tokens
        assert after is not None
        assert WRITE in (after.scope or "")
        note = saved.structured_content
        assert note is not None
        found = await client.call_tool("search", {"query": "zebrafish dusk"})
        assert found.structured_content is not None
        assert note["id"] in [result["id"] for result in found.structured_content["results"]]
        read = await client.call_tool("fetch", {"id": note["id"]})
        assert read.structured_content is not None
        assert "swims at dusk" in read.structured_content["text"]
    registered = oauth.context.client_info
    assert registered is not None
    assert registered.client_id is not None
    stack.admin.delete_client(registered.client_id)
