"""FastMCP's own client by a document: an OAuth client of another make than those from npm (K4, B8)."""

import ssl
from typing import Any

import httpx2
import pytest
from document_site import DocumentSite
from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.transports import StreamableHttpTransport
from mcp.shared.auth import AuthorizationCodeResult
from native_stack import READ, Stack

from gatelodge.ops.link.browser import CallbackParams, ScriptedBrowser

pytestmark = pytest.mark.stack


class Signed(OAuth):
    """Its sign-in is done by the scripted browser, which stops at the redirect; the rest is FastMCP's."""

    def __init__(self, browser: ScriptedBrowser, **values: Any) -> None:
        self.sign_ins: list[CallbackParams] = []
        self._browser = browser
        super().__init__(**values)

    async def redirect_handler(self, authorization_url: str) -> None:
        self.sign_ins.append(await self._browser.authorize(authorization_url))

    async def callback_handler(self) -> AuthorizationCodeResult:
        answer = self.sign_ins[-1]
        assert answer.code, answer.error_description
        return AuthorizationCodeResult(code=answer.code, state=answer.state, iss=answer.iss)


@pytest.mark.requirement("MCP26-AUTH-22")
async def test_fastmcps_client_links_by_its_document_lists_tools_and_refreshes(
    stack: Stack, documents: DocumentSite
) -> None:
    client_id = documents.put("fastmcp.json", redirect_uris=["http://localhost/callback"])
    before = {client["clientId"] for client in stack.admin.keycloak.get_clients()}
    trust = ssl.create_default_context(cafile=str(stack.ca_file))

    def http(
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
        **more: Any,
    ) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(verify=trust, trust_env=False, headers=headers, timeout=timeout, auth=auth, **more)

    with pytest.warns(UserWarning, match="in-memory token storage"):
        auth = Signed(
            stack.target().browser(),
            mcp_url=stack.mcp_url,
            scopes=[READ, "offline_access"],
            client_metadata_url=client_id,
            httpx_client_factory=http,
        )
    transport = StreamableHttpTransport(stack.mcp_url, auth=auth, httpx_client_factory=http)
    try:
        async with Client(transport) as client:
            listed = {tool.name for tool in await client.list_tools()}
            first = auth.context.current_tokens
            assert first is not None
            # As when the access token ends.
            auth.context.token_expiry_time = 1.0
            found = await client.call_tool("search", {"query": "gatelodge"})
            second = auth.context.current_tokens
        assert {"search", "fetch"} <= listed
        assert not found.is_error
        refreshed = second is not None and second.access_token != first.access_token
        assert refreshed
        assert len(auth.sign_ins) == 1
        assert {client["clientId"] for client in stack.admin.keycloak.get_clients()} - before == {client_id}
    finally:
        stack.admin.delete_client(client_id)
