"""One scripted realm per test, and the target and browser that go with it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest
from scripted_realm import ISSUER, MCP_URL, PASSWORD, ScriptedRealm

from gatelodge.core.secret import Secret
from gatelodge.ops.link.browser import ScriptedBrowser
from gatelodge.ops.link.target import LinkTarget
from gatelodge.outbound.client import Outbound

TARGET = LinkTarget(MCP_URL, None, "ada", Secret(PASSWORD), scopes=("deep-research:read",))


@dataclass
class World:
    """The realm and ways to reach it; its MCP endpoint answers inside ``realm.running()`` only."""

    realm: ScriptedRealm
    outbound: Outbound
    target: LinkTarget = TARGET

    def browser(self, *, password: str = PASSWORD, consent: bool = True, issuer: str = ISSUER) -> ScriptedBrowser:
        transport = httpx2.ASGITransport(app=self.realm)
        return ScriptedBrowser(None, "ada", password, consent, issuer=issuer, transport=transport)

    def connection(self) -> httpx2.ASGITransport:
        return httpx2.ASGITransport(app=self.realm)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    realm = ScriptedRealm()
    outbound = Outbound(transport=httpx2.ASGITransport(app=realm))
    yield World(realm, outbound)
    await outbound.aclose()
