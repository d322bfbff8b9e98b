"""A team of Cloudflare Access on loopback: oauth2-mock-server in a process of its own signs assertions as Access does.

Invariant: claims and header are those of the vendor's page "Application token"; each argument changes one thing. Not
here: Access's sign-in and policies, which a server behind it never sees.
"""

import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from npm_program import installed
from oauth_servers import running

__all__ = ["AUD", "PERSON", "AccessTeam", "TeamWire", "access_team"]

AUD = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"
PERSON = "7335d417-61da-459d-899c-0a01c76a2f94"
_PACKAGES = Path(__file__).parent / "npm_access"


@dataclass(frozen=True)
class AccessTeam:
    """A running team: ``issuer`` is what its assertions name, ``url`` where its keys are."""

    issuer: str
    url: str

    def assertion(
        self,
        email: str = "alice@example.com",
        *,
        kid: str | None = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A person's assertion; a claim of None is left out."""
        now = int(time.time())
        person = {
            "aud": [AUD],
            "email": email,
            "exp": now + 3600,
            "iat": now,
            "nbf": now,
            "type": "app",
            "identity_nonce": "6ei69kawdKzMIAPF",
            "sub": PERSON,
            "country": "DE",
        }
        return str(self._call("/sign", {"claims": {**person, **claims}, "header": header or {}, "kid": kid})["token"])

    def service_assertion(self, **claims: Any) -> str:
        """The assertion of a service token."""
        own = {"email": None, "nbf": None, "identity_nonce": None, "country": None}
        name = "e367826f93b8d71185e03fe518aff3b4.access"
        return self.assertion(**{**own, "common_name": name, "sub": "", **claims})

    def rotate(self) -> str:
        """Sign with a new key from now on; the one before stays published, an older one does not. The new key's id."""
        return str(self._call("/rotate", {})["kid"])

    def outage(self, on: bool) -> None:
        """Whether the keys cannot be had."""
        self._call("/outage", {"on": on})

    def fetches(self) -> int:
        """How often the keys were asked for."""
        return int(self._call("/counts", {})["certs"])

    def keys(self) -> list[dict[str, Any]]:
        """The published keys."""
        with urllib.request.urlopen(f"{self.url}/cdn-cgi/access/certs", timeout=60) as answer:  # noqa: S310 - loopback
            found: list[dict[str, Any]] = json.loads(answer.read())["keys"]
            return found

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode())  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
            return found


class TeamWire(httpx2.AsyncBaseTransport):
    """Takes requests for the team's public name to the process on loopback; others go to ``other``."""

    def __init__(self, team: AccessTeam, other: httpx2.AsyncBaseTransport | None = None) -> None:
        self._team, self._other = team, other
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if str(request.url).startswith(f"{self._team.issuer}/"):
            url = httpx2.URL(self._team.url + request.url.raw_path.decode())
            request = httpx2.Request(request.method, url, headers={"accept": "application/json"})
            return await self._inner.handle_async_request(request)
        if self._other is None:
            raise httpx2.ConnectError("only the team can be reached", request=request)
        return await self._other.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()
        if self._other is not None:
            await self._other.aclose()


@contextmanager
def access_team(issuer: str | None = None) -> Iterator[AccessTeam]:
    """A team, until the block ends; without ``issuer`` its own address on loopback is its name."""
    node, folder = installed(_PACKAGES)
    script = folder / f"access.{os.getpid()}.mjs"
    shutil.copyfile(_PACKAGES / "access.mjs", script)
    try:
        with running([str(node), str(script)], ISSUER=issuer or "") as port:
            url = f"http://127.0.0.1:{port}"
            yield AccessTeam(issuer or url, url)
    finally:
        script.unlink(missing_ok=True)
