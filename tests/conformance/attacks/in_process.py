"""The servers of a world in one process: the whole HTTP path of ``protect()``, real checks, fake issuers, a canary.

Invariant: nothing leaves the process. Every outgoing request of a server arrives at the wire below, which answers for
the documents of the trusted issuers only and keeps the address of anything else.
"""

import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
from lifespan import alive
from protected import ISSUER, PUBLIC_URL, private_server
from starlette.applications import Starlette
from wire import message

from conformance.attacks.judge import complaint, constant_part
from conformance.attacks.model import Attack, Expect, bearer
from conformance.attacks.world import SECOND, World
from gatelodge import protect
from gatelodge.outbound.client import Outbound
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.issuer import FakeIssuer

__all__ = ["SERVERS", "Matrix", "Report", "Wire", "alive", "application", "request_for", "running", "serving"]

SERVERS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "single": {},
    "leeway": {"token_leeway": 30.0},
    "rs256": {"token_algorithms": "RS256"},
    "two": {"trusted_issuers": SECOND},
}
# Milliseconds of CPU time that no attack may cost (catalogue, B09); kept for the scoreboard.
SLOW = 50.0


class Wire(httpx2.AsyncBaseTransport):
    """Requests of a server on their way out: to an issuer's two documents, or kept in ``strays`` and failed."""

    def __init__(self, issuers: Iterable[FakeIssuer]) -> None:
        self._ways: dict[str, httpx2.ASGITransport] = {}
        for issuer in issuers:
            base = issuer.tokens.issuer
            way = httpx2.ASGITransport(app=issuer)
            self._ways[f"{base}/.well-known/openid-configuration"] = way
            self._ways[f"{base}/protocol/openid-connect/certs"] = way
        self.fetches = 0
        self.strays: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        way = self._ways.get(str(request.url))
        if way is None:
            self.strays.append(str(request.url))
            raise httpx2.ConnectError("a server fetched what a token named", request=request)
        self.fetches += 1
        return await way.handle_async_request(request)


@dataclass
class Report:
    """What came of a list of attacks."""

    tried: int = 0
    complaints: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    # Body and challenge of the refusals, by what was expected and which scopes were needed.
    answers: dict[tuple[Expect, tuple[str, ...]], set[tuple[bytes, str]]] = field(default_factory=dict)

    @property
    def passed(self) -> int:
        """Attacks that met the expected answer."""
        return self.tried - len(self.complaints)

    def time(self) -> dict[str, float]:
        """CPU time of this process per attack, client included, in milliseconds."""
        ordered = sorted(self.milliseconds) or [0.0]
        return {
            "p50_ms": round(ordered[len(ordered) // 2], 3),
            "p99_ms": round(ordered[len(ordered) * 99 // 100], 3),
            "max_ms": round(ordered[-1], 3),
        }


@dataclass
class Matrix:
    """A client for each server of a world, and the wire out of each."""

    http: dict[str, httpx2.AsyncClient]
    wires: list[Wire]

    @property
    def strays(self) -> list[str]:
        """Addresses beside the issuers' documents that a server tried to fetch."""
        return [url for wire in self.wires for url in wire.strays]

    @property
    def fetches(self) -> int:
        """Fetches of the issuers' documents."""
        return sum(wire.fetches for wire in self.wires)

    async def run(self, attacks: Iterable[Attack]) -> Report:
        """Send every attack, judge every answer."""
        report = Report()
        for attack in attacks:
            report.tried += 1
            begun = time.process_time()
            response = await self.http[attack.server].send(request_for(attack, PUBLIC_URL))
            report.milliseconds.append((time.process_time() - begun) * 1000)
            if report.milliseconds[-1] > SLOW:
                report.slow.append(attack.label)
            wrong = complaint(attack, response, PUBLIC_URL)
            if wrong is not None:
                report.complaints.append(f"{attack.label}: {wrong}")
            elif attack.expect not in {Expect.OK, Expect.UNKNOWN}:
                same = report.answers.setdefault((attack.expect, attack.scopes), set())
                same.add((constant_part(response), response.headers["www-authenticate"]))
        return report


def request_for(attack: Attack, url: str) -> httpx2.Request:
    """The attack as a request: an ordinary MCP request with what is odd added, in the given order."""
    body, ordinary = message(attack.method, attack.params, attack.era)
    if "mcp-method" in ordinary and "uri" in attack.params:
        ordinary["mcp-name"] = attack.params["uri"]
    names = {name for name, _ in attack.headers}
    headers = [(name.encode(), value.encode()) for name, value in ordinary.items() if name.encode() not in names]
    target = f"{url}?{attack.query}" if attack.query else url
    return httpx2.Request("POST", target, headers=[*headers, *attack.headers], content=attack.body or body)


@asynccontextmanager
async def running(world: World, servers: Mapping[str, Mapping[str, Any]] = SERVERS) -> AsyncIterator[Matrix]:
    """Start the servers, each with the same issuers behind it; stop them at the end."""
    second = FakeIssuer(world.second)
    async with AsyncExitStack() as stack:
        matrix = Matrix({}, [])
        for name, settings in servers.items():
            first = FakeIssuer(world.tokens)
            first.keys = world.jwks("RS256" if name == "single" else None)
            wire = Wire([first, second])
            matrix.wires.append(wire)
            matrix.http[name] = await stack.enter_async_context(serving(world, wire, settings))
        # The first request of a server fetches keys and builds what it needs: no attack's cost.
        call: dict[str, Any] = {"method": "tools/call", "params": {"name": "read", "arguments": {}}}
        good = Attack("", "first request", Expect.OK, bearer(world.good()), **call)
        warm = await matrix.run(replace(good, server=name) for name in servers)
        assert warm.complaints == []
        yield matrix


def application(world: World, wire: Wire, settings: Mapping[str, Any], state: str) -> Starlette:
    """A protected server whose every outgoing request takes this wire; ``state`` is an empty folder of its own."""
    values = {"public_url": PUBLIC_URL, "issuer": ISSUER, "state_dir": state, **settings}
    return protect(private_server(), ServerSettings(**values), outbound=Outbound(transport=wire), clock=world.clock)


@asynccontextmanager
async def serving(world: World, wire: Wire, settings: Mapping[str, Any]) -> AsyncIterator[httpx2.AsyncClient]:
    """A protected server and a client to it."""
    # Of its own: a server remembers the last good keys of an issuer on disk.
    with TemporaryDirectory() as state:
        app = application(world, wire, settings, state)
        async with (
            alive(app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), trust_env=False) as client,
        ):
            yield client
