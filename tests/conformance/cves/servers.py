"""Past vulnerabilities of servers, proxies and MCP implementations: what surrounds a token that is good."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx2
from protected import PUBLIC_URL
from wire import answer_of

from conformance.attacks.in_process import request_for
from conformance.attacks.model import READ, WRITE, Attack, Expect, bearer
from conformance.attacks.world import World
from conformance.cves import server_faults
from conformance.cves.model import Bench, Past, answers

__all__ = ["SERVERS"]

Tried = Callable[[Bench], Awaitable[str | None]]


_READ: dict[str, Any] = {"method": "tools/call", "params": {"name": "read", "arguments": {}}}


def _status(wanted: int, made: Callable[[World], Iterator[tuple[str, Mapping[str, str]]]]) -> Tried:
    """A good call with more headers must get this status."""

    async def tried(bench: Bench) -> str | None:
        good = Attack("", "", Expect.OK, bearer(bench.world.good()), **_READ)
        for name, headers in made(bench.world):
            request = request_for(good, PUBLIC_URL)
            request.headers.update(headers)
            response = await bench.http.send(request)
            if response.status_code != wanted:
                return f"{name}: {response.status_code}"
        return None

    return tried


def _rebound(_: World) -> Iterator[tuple[str, Mapping[str, str]]]:
    for host in ("attacker.example", "attacker.example:8443", "localhost.attacker.example:8443", "127.0.0.1.nip.io"):
        yield host, {"host": host}


def _foreign_page(_: World) -> Iterator[tuple[str, Mapping[str, str]]]:
    for origin in ("https://attacker.example", "null", "http://attacker.example:8443"):
        yield origin, {"origin": origin}


def _host_with_a_path(_: World) -> Iterator[tuple[str, Mapping[str, str]]]:
    for host in ("localhost:8443/public?x=", "localhost:8443/health/live#", "localhost:8443\\public"):
        yield host, {"host": host}


async def _subject(bench: Bench, subject: str, headers: Mapping[str, str] | None = None) -> str:
    """Who the server says is calling, when ``subject`` is."""
    token = bench.world.good(sub=subject)
    request = request_for(Attack("", "", Expect.OK, bearer(token), **_READ), PUBLIC_URL)
    request.headers.update(headers or {})
    message = answer_of(await bench.http.send(request))
    return str(message["result"]["content"][0]["text"])


async def _one_after_another(bench: Bench) -> str | None:
    for subject in ("alice", "bob", "alice", "carol"):
        if (seen := await _subject(bench, subject)) != subject:
            return f"{subject} was taken for {seen}"
    return None


async def _one_session(bench: Bench) -> str | None:
    headers = {"mcp-session-id": "0123456789abcdef0123456789abcdef"}
    for subject in ("alice", "bob"):
        if (seen := await _subject(bench, subject, headers)) != subject:
            return f"{subject} was taken for {seen} in a session"
    return None


async def _at_once(bench: Bench) -> str | None:
    # All with the same JSON-RPC id, as two clients that count from one have it.
    callers = ["alice", "bob", "carol"] * 10
    seen = await asyncio.gather(*(_subject(bench, caller) for caller in callers))
    mixed = [(caller, other) for caller, other in zip(callers, seen, strict=True) if caller != other]
    return f"{len(mixed)} answers of another caller" if mixed else None


def _hidden(world: World) -> Iterator[Attack]:
    for era in ("2026-07-28", "2025-11-25"):
        params = {"name": "purge", "arguments": {}}
        yield Attack(
            "tools/call",
            era,
            Expect.UNKNOWN,
            bearer(world.good(READ, WRITE)),
            method="tools/call",
            params=params,
            era=era,
        )


def _scope_after_use(world: World) -> Iterator[Attack]:
    headers = bearer(world.good(READ))
    yield Attack("read", "first", Expect.OK, headers, **_READ)
    write: dict[str, Any] = {"method": "tools/call", "params": {"name": "write", "arguments": {}}}
    yield Attack("write", "then, with the same token", Expect.E403, headers, scopes=(WRITE,), **write)


def _named_by_header(world: World) -> Iterator[Attack]:
    subject = world.claims()["sub"].encode()
    for name in (
        b"x_forwarded_user",
        b"x_forwarded_email",
        b"x-forwarded-user",
        b"x_auth_request_user",
        b"remote_user",
    ):
        yield Attack("header", name.decode(), Expect.E401N, ((name, subject),), **_READ)


async def _other_ways_in(bench: Bench) -> str | None:
    request = request_for(Attack("", "", Expect.OK, **_READ), PUBLIC_URL)
    origin = PUBLIC_URL.removesuffix("/mcp")
    for path in ("/mcp/", "/mcp%0a", "//mcp", "/MCP", "/mcp;x", "/sse", "/messages/", "/mcp/messages", "/mcp/sse", "/"):
        url = httpx2.URL(f"{origin}{path}")
        for method in ("POST", "GET"):
            made = httpx2.Request(method, url, headers=request.headers, content=request.content)
            response = await bench.http.send(made)
            if response.status_code not in {401, 404, 405}:
                return f"{method} {path}: {response.status_code}"
    return None


async def _malformed(bench: Bench) -> str | None:
    good = Attack("", "", Expect.OK, bearer(bench.world.good()), **_READ)
    bodies = (
        b"",
        b"null",
        b"1",
        b"[]",
        b'"x"',
        b"{",
        b'{"jsonrpc":"2.0"}',
        b'{"method":1}',
        b'{"id":{}}',
        b"\xff\xfe{}",
    )
    for body in bodies:
        response = await bench.http.send(request_for(replace(good, body=body), PUBLIC_URL))
        if response.status_code >= 500:
            return f"{body!r}: {response.status_code}"
    response = await bench.http.send(request_for(good, PUBLIC_URL))
    return None if response.status_code == 200 else f"afterwards: {response.status_code}"


SERVERS: tuple[Past, ...] = (
    Past(
        ("CVE-2025-66416",),
        "MCP SDK, Python",
        "another host name, rebound to us",
        "421",
        _status(421, _rebound),
        server_faults.no_guard,
    ),
    Past(
        ("CVE-2025-66414",),
        "MCP SDK, TypeScript",
        "a page of another origin",
        "403",
        _status(403, _foreign_page),
        server_faults.no_guard,
    ),
    Past(
        ("CVE-2026-48710",),
        "Starlette",
        "a Host that carries a path changes what the URL says",
        "421",
        _status(421, _host_with_a_path),
        server_faults.no_guard,
    ),
    Past(
        ("CVE-2026-48529",),
        "github-mcp-server",
        "the first caller is kept for all",
        "each caller's own subject",
        _one_after_another,
        server_faults.first_caller_kept,
    ),
    Past(
        ("CVE-2026-52869",),
        "MCP SDK, Python",
        "another's session id makes one that other",
        "the token's own subject",
        _one_session,
        server_faults.session_is_the_caller,
    ),
    Past(
        ("CVE-2026-25536",),
        "MCP SDK, TypeScript",
        "answers go to whoever uses the same request id",
        "each caller's own subject, 30 calls at once",
        _at_once,
        server_faults.last_caller_answered,
    ),
    Past(
        ("CVE-2026-77243",),
        "mcp-atlassian",
        "a tool that is not listed can be called",
        "answered as unknown, not run",
        answers(_hidden),
        server_faults.only_lists_filtered,
    ),
    Past(
        ("CVE-2021-32701",),
        "ORY Oathkeeper",
        "a kept token is good for scopes that were not asked for at first",
        "403 with the scope",
        answers(_scope_after_use),
        server_faults.scopes_kept_with_the_first_answer,
    ),
    Past(
        ("CVE-2025-64484", "CVE-2026-39858"),
        "oauth2-proxy, Traefik",
        "an identity header in another spelling passes the filter",
        "401 without error: no header says who calls",
        answers(_named_by_header),
        server_faults.headers_believed,
    ),
    Past(
        ("GHSA-5j8j (mcp-atlassian)",),
        "mcp-atlassian",
        "the token is checked on one path and the same transport is on another",
        "401, 404 or 405 on every spelling",
        _other_ways_in,
        server_faults.one_spelling_guarded,
    ),
    Past(
        ("CVE-2025-53366",),
        "MCP SDK, Python",
        "a malformed message ends the server",
        "no 5xx, and the next call is served",
        _malformed,
        server_faults.unchecked_bodies,
    ),
)
