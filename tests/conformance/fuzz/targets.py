"""What is fuzzed, in process: tokens, Authorization headers with queries, JSON-RPC bodies, and key sets.

Invariant: an execution returns None, or says what was wrong. Wrong is: any exception out of the application, a status of
500 or more other than the refusal of an issuer's keys, a token accepted that nobody signed.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from lifespan import alive
from protected import PUBLIC_URL
from starlette.types import ASGIApp, Message
from wire import LEGACY, MODERN, message

from conformance.attacks.in_process import Wire, application
from conformance.attacks.model import READ, WRITE
from conformance.attacks.world import World
from conformance.fuzz.mutate import mutated, mutated_json, mutated_token
from gatelodge.issuer.keys import KeySource, KeysUnavailable
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.issuer import FakeIssuer

__all__ = ["Target", "targets"]

Mutate = Callable[[random.Random, bytes, list[bytes]], bytes]
HANG = 60.0  # seconds


@dataclass
class Target:
    """A name, the inputs to start from, how they change, and one execution: what was wrong with it, or None."""

    name: str
    seeds: list[bytes]
    execute: Callable[[bytes], Awaitable[str | None]]
    mutate: Mutate = mutated
    statuses: dict[str, int] = field(default_factory=dict)

    def count(self, what: object) -> None:
        """Remember an outcome, for the report."""
        self.statuses[str(what)] = self.statuses.get(str(what), 0) + 1


@asynccontextmanager
async def targets(world: World) -> AsyncIterator[list[Target]]:
    """The targets, with one server for those that need one."""
    issuer = FakeIssuer(world.tokens)
    issuer.keys = world.jwks()
    with TemporaryDirectory() as state:
        app = application(world, Wire([issuer]), {}, state)
        async with alive(app):
            yield [_tokens(world, app), _headers(world, app), _messages(world, app), _key_sets(world)]


async def ask(app: ASGIApp, headers: list[tuple[bytes, bytes]], body: bytes, query: bytes = b"") -> int:
    """One POST without an HTTP client between; the status."""
    origin, _, path = PUBLIC_URL.partition("://")[2].partition("/")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": f"/{path}",
        "raw_path": f"/{path}".encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", origin.encode()), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8443),
    }
    sent: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    status, done = 0, asyncio.Event()

    async def receive() -> Message:
        if sent:
            return sent.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(answer: Message) -> None:
        nonlocal status
        status = answer.get("status", status)
        if answer["type"] == "http.response.body" and not answer.get("more_body", False):
            done.set()

    async with asyncio.timeout(HANG):
        await app(scope, receive, send)
    return status


def _ordinary(
    method: str = "tools/list", params: dict[str, Any] | None = None
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    body, headers = message(method, params or {}, MODERN)
    return [(name.encode(), value.encode()) for name, value in headers.items()], body


def _tokens(world: World, app: ASGIApp) -> Target:
    seeds = [world.good(algorithm=name).encode() for name in ("RS256", "PS256", "ES256", "EdDSA")]
    seeds += [world.second.token(scope=READ).encode(), world.good(typ="ID").encode()]
    ordinary, body = _ordinary()

    async def execute(token: bytes) -> str | None:
        status = await ask(app, [*ordinary, (b"authorization", b"Bearer " + token)], body)
        target.count(status)
        if status not in {200, 400, 401}:
            return f"status {status}"
        return "accepted a token that nobody signed" if status == 200 and token not in seeds else None

    target = Target("token", seeds, execute, mutated_token)
    return target


def _headers(world: World, app: ASGIApp) -> Target:
    good = world.good().encode()
    seeds = [
        b"Bearer " + good,
        b"Basic eDp5",
        b"Bearer " + good + b", Bearer " + good,
        b"bearer\x00access_token=" + good,
    ]
    ordinary, body = _ordinary()

    async def execute(value: bytes) -> str | None:
        # What follows a zero byte is the query, so that both change together.
        header, _, query = value.partition(b"\x00")
        status = await ask(app, [*ordinary, (b"authorization", header)], body, query)
        target.count(status)
        if status not in {200, 400, 401}:
            return f"status {status}"
        return "accepted without the token" if status == 200 and good not in header else None

    target = Target("header", seeds, execute)
    return target


def _messages(world: World, app: ASGIApp) -> Target:
    bearer = (b"authorization", b"Bearer " + world.good(READ, WRITE).encode())
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("tools/list", {}),
        ("tools/call", {"name": "read", "arguments": {}}),
        ("prompts/get", {"name": "summary"}),
        ("resources/read", {"uri": "notes://by-id/1"}),
        ("initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}),
    )
    seeds = [message(method, params, era)[0] for method, params in calls for era in (MODERN, LEGACY)]
    seeds += [b'{"jsonrpc":"2.0","method":"notifications/initialized"}', b"[]", b'{"jsonrpc":"2.0","id":1,"result":{}}']

    async def execute(body: bytes) -> str | None:
        # The headers are those of an old client, which names nothing twice: the body alone decides.
        ordinary = [
            (b"accept", b"application/json, text/event-stream"),
            (b"content-type", b"application/json"),
            *([(b"mcp-protocol-version", MODERN.encode())] if MODERN.encode() in body else []),
        ]
        status = await ask(app, [*ordinary, bearer], body)
        target.count(status)
        return f"status {status}" if not 200 <= status < 500 else None

    target = Target("message", seeds, execute, mutated_json)
    return target


def _key_sets(world: World) -> Target:
    tokens = [world.good(algorithm=name) for name in ("RS256", "ES256", "EdDSA")]
    forged = world.sign(world.head(), key=world.stranger["RS256"])
    config = ResourceServerConfig(public_url=PUBLIC_URL, issuer=world.tokens.issuer)
    issuer = FakeIssuer(world.tokens)
    outbound, section = issuer.outbound(), issuer.config()
    seeds = [json.dumps(world.jwks()).encode(), json.dumps(world.jwks("RS256")).encode(), b'{"keys":[]}', b"{}"]

    async def execute(published: bytes) -> str | None:
        issuer.keys = published
        keys = KeySource(outbound, section, MetadataSource(outbound, section, world.clock), world.clock)
        verifier = TokenVerifier(config, keys, world.clock)
        for token in (*tokens, forged):
            try:
                await verifier.verify(token)
            except (TokenRejected, KeysUnavailable) as error:
                target.count(error.code.value)
            else:
                target.count("accepted")
                if token == forged:
                    return "accepted a token that nobody signed"
        return None

    target = Target("key set", seeds, execute, mutated_json)
    return target
