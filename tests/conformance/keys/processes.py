"""Servers that share a state folder, a clock and an issuer: whole ones behind ``protect()``, or the token check alone.

Invariant: a new one knows nothing of an earlier one but what is in the folder.
"""

import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from lifespan import alive
from protected import ISSUER, PUBLIC_URL, Served, private_server

from gatelodge import protect
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import encode_part

__all__ = ["Checker", "Processes", "most_in_a_minute", "stranger"]


@dataclass
class Checker:
    """The token check of one process, with the time of each fetch of keys."""

    verifier: CachedVerifier
    keys: KeySource
    issuer: FakeIssuer
    clock: ManualClock
    fetches: list[float]

    async def accepts(self, token: str) -> bool:
        """Whether the token gets in; errors other than a refused token pass through."""
        before = self.issuer.keys_fetches + self.issuer.refused
        try:
            await self.verifier.verify(token)
        except TokenRejected:
            return False
        else:
            return True
        finally:
            self.fetches += [self.clock.now()] * (self.issuer.keys_fetches + self.issuer.refused - before)

    async def flood(self, count: int) -> int:
        """So many tokens with key ids that nobody has; how many were refused."""
        return sum([not await self.accepts(stranger(self.issuer)) for _ in range(count)])


@dataclass
class Processes:
    """Starts processes; all are stopped at the end of the test."""

    issuer: FakeIssuer
    clock: ManualClock
    folder: Path
    stack: AsyncExitStack

    async def checker(self, **config: Any) -> Checker:
        """The token check, as ``protect()`` puts it together; ``config`` replaces fields of the issuer's section."""
        outbound = self.issuer.outbound()
        self.stack.push_async_callback(outbound.aclose)
        section = self.issuer.config(**config)
        state = self.folder / "issuer"
        keys = KeySource(outbound, section, MetadataSource(outbound, section, self.clock, state), self.clock, state)
        self.stack.push_async_callback(keys.aclose)
        rules = ResourceServerConfig(PUBLIC_URL, ISSUER, max_life=7 * 3600)
        verifier = CachedVerifier(TokenVerifier(rules, keys, self.clock), {ISSUER: keys}, self.clock, leeway=10)
        return Checker(verifier, keys, self.issuer, self.clock, [])

    async def server(self) -> Served:
        """A whole server in process."""
        settings = ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER, state_dir=self.folder)
        app = protect(private_server(), settings, outbound=self.issuer.outbound(), clock=self.clock)
        await self.stack.enter_async_context(alive(app))
        http = await self.stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://localhost:8443")
        )
        return Served(http, self.issuer.tokens, self.issuer, self.clock)


def stranger(issuer: FakeIssuer) -> str:
    """A token of the right form whose key id nobody has; the signature is never looked at."""
    header = encode_part({"alg": "RS256", "typ": "JWT", "kid": uuid.uuid4().hex})
    return f"{header}.{encode_part(issuer.tokens.claims())}.{encode_part(bytes(256))}"


def most_in_a_minute(times: list[float]) -> int:
    """The largest number of ``times`` within any 60 seconds, the end excluded."""
    return max((sum(1 for time in times if start <= time < start + 60) for start in times), default=0)
