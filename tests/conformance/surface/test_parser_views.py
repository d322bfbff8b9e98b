"""What Traefik and our server make of requests that two parsers could read apart: never two different requests.

Every input is sent byte by byte, to the server alone and through Traefik. A request that is refused on either side is
safe; one that is served must be one request, of the path, host and credentials that Traefik routed.
"""

import asyncio
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest
from results import record
from surface import HOST, Edge, Seen, Surface, edge, surface

from gatelodge.app.slow_clients import Limits

COMMAND = "pytest tests/conformance/surface/test_parser_views.py"
# Every connection ends before, by a limit of the server's or of Traefik's, which are short here.
_LISTEN = 60.0
# How our protocol and our guard refuse a message.
_REFUSED = {400, 421}
_STRAYS = "what followed"

H = f"Host: {HOST}\r\n"
CLOSE = "Connection: close\r\n"
INNER = f"GET /d/smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"


def get(target: str, extra: str = "", host: str = H, version: str = "HTTP/1.1", method: str = "GET") -> str:
    """A request without a body, with CASE where the case's name goes."""
    return f"{method} {target} {version}\r\n{host}{extra}X-Case: CASE\r\n{CLOSE}\r\n"


def post(extra: str, body: str, target: str = "/d/CASE") -> str:
    """A request with a body whose framing is ``extra``."""
    return f"POST {target} HTTP/1.1\r\n{H}X-Case: CASE\r\n{extra}\r\n{body}"


CASES: dict[str, str] = {
    # Framing.
    "cl-te": post(f"Content-Length: {len(INNER) + 5}\r\n{CHUNKED}", "0\r\n\r\n" + INNER),
    "te-cl": post(f"{CHUNKED}Content-Length: 4\r\n", f"{len(INNER):x}\r\n{INNER}\r\n0\r\n\r\n"),
    "te-0": post(CHUNKED, "0\r\n\r\n" + INNER),
    "cl-0-then-request": post("Content-Length: 0\r\n", INNER),
    "cl-twice-same": post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
    "cl-twice-other": post(f"Content-Length: 0\r\nContent-Length: {len(INNER)}\r\n", INNER),
    "cl-list": post("Content-Length: 2, 2\r\n", "{}"),
    "cl-list-other": post(f"Content-Length: 0, {len(INNER)}\r\n", INNER),
    "cl-plus": post("Content-Length: +2\r\n", "{}"),
    "cl-minus": post("Content-Length: -2\r\n", "{}"),
    "cl-hex": post("Content-Length: 0x2\r\n", "{}"),
    "cl-empty": post("Content-Length: \r\n", INNER),
    "cl-space": post("Content-Length : 2\r\n", "{}"),
    "cl-inner-space": post("Content-Length: 1 0\r\n", "{}"),
    "cl-underscore": post("Content_Length: 99\r\nContent-Length: 2\r\n", "{}"),
    "cl-huge": post("Content-Length: 99999999999999999999999\r\n", "{}"),
    "cl-leading-zero": post("Content-Length: 0002\r\n", "{}"),
    "get-with-body": f"GET /d/CASE HTTP/1.1\r\n{H}X-Case: CASE\r\nContent-Length: {len(INNER)}\r\n\r\n{INNER}",
    "te-xchunked": post("Transfer-Encoding: xchunked\r\n", INNER),
    "te-identity": post("Transfer-Encoding: identity\r\nContent-Length: 2\r\n", "{}"),
    "te-twice": post(f"{CHUNKED}{CHUNKED}", "0\r\n\r\n" + INNER),
    "te-twice-other": post(f"{CHUNKED}Transfer-Encoding: identity\r\n", "0\r\n\r\n" + INNER),
    "te-list": post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n" + INNER),
    "te-list-wrong": post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n" + INNER),
    "te-case": post("Transfer-Encoding: ChUnKeD\r\n", "2\r\n{}\r\n0\r\n\r\n"),
    "te-tab": post("Transfer-Encoding:\tchunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
    "te-vertical-tab": post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n" + INNER),
    "te-space-before-colon": post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + INNER),
    "te-folded": post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n" + INNER),
    "te-quoted": post('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n" + INNER),
    "te-parameter": post("Transfer-Encoding: chunked;a=b\r\n", "0\r\n\r\n" + INNER),
    "te-underscore": post("Transfer_Encoding: chunked\r\nContent-Length: 2\r\n", "{}"),
    "te-http-1.0": f"POST /d/CASE HTTP/1.0\r\n{H}X-Case: CASE\r\n{CHUNKED}\r\n0\r\n\r\n{INNER}",
    # Chunks.
    "chunk-extension": post(CHUNKED, "2;a=b\r\n{}\r\n0\r\n\r\n"),
    "chunk-extension-lf": post(CHUNKED, "2;a=b\n{}\r\n0\r\n\r\n" + INNER),
    "chunk-extension-quoted": post(CHUNKED, '2;a="\r\n{}\r\n0\r\n\r\n"\r\n' + INNER),
    "chunk-bare-lf": post(CHUNKED, "2\n{}\n0\n\n"),
    "chunk-data-longer": post(CHUNKED, "2\r\n{}xx\r\n0\r\n\r\n" + INNER),
    "chunk-size-hex-prefix": post(CHUNKED, "0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk-size-plus": post(CHUNKED, "+2\r\n{}\r\n0\r\n\r\n"),
    "chunk-size-space": post(CHUNKED, "2 \r\n{}\r\n0\r\n\r\n"),
    "chunk-size-overflow": post(CHUNKED, "100000000000000002\r\n{}\r\n0\r\n\r\n" + INNER),
    "chunk-size-underscore": post(CHUNKED, "0_2\r\n{}\r\n0\r\n\r\n"),
    "chunk-last-zeros": post(CHUNKED, "2\r\n{}\r\n00000\r\n\r\n" + INNER),
    "trailer-prefix": post(f"{CHUNKED}Trailer: X-Forwarded-Prefix\r\n", "2\r\n{}\r\n0\r\nX-Forwarded-Prefix: /evil\r\n\r\n"),
    "trailer-authorization": post(CHUNKED, "2\r\n{}\r\n0\r\nAuthorization: Bearer evil\r\n\r\n"),
    "trailer-host": post(CHUNKED, "2\r\n{}\r\n0\r\nHost: evil.example\r\n\r\n"),
    "trailer-content-length": post(CHUNKED, "2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n" + INNER),
    # Lines.
    "bare-lf": get("/d/CASE").replace("\r\n", "\n"),
    "bare-lf-in-header": get("/d/CASE", "X-A: b\nX-B: c\r\n"),
    "bare-cr-in-header": get("/d/CASE", "X-A: b\rX-B: c\r\n"),
    "bare-cr-end": get("/d/CASE").replace("\r\n", "\r"),
    "lf-cr": post("Content-Length: 0\r\nX-A: b\n\r\n", INNER),
    "obs-fold": get("/d/CASE", "X-A: b\r\n c\r\n"),
    "obs-fold-first": f"GET /d/CASE HTTP/1.1\r\n {H}{H}X-Case: CASE\r\n{CLOSE}\r\n",
    "nul-in-header": get("/d/CASE", "X-A: b\x00c\r\n"),
    "header-without-colon": get("/d/CASE", "X-A\r\n"),
    "header-empty-name": get("/d/CASE", ": b\r\n"),
    "header-name-space": get("/d/CASE", "X A: b\r\n"),
    "header-name-underscore": get("/d/CASE", "X_Forwarded_For: 6.6.6.6\r\n"),
    "header-name-nul": get("/d/CASE", "X\x00A: b\r\n"),
    "header-huge": get("/d/CASE", f"X-A: {'a' * 100_000}\r\n"),
    "headers-many": get("/d/CASE", "".join(f"X-{n}: a\r\n" for n in range(1000))),
    "target-huge": get(f"/d/CASE?{'a' * 100_000}"),
    "empty-lines-first": "\r\n\r\n" + get("/d/CASE"),
    "space-first": " " + get("/d/CASE"),
    # Host.
    "host-twice-same": get("/d/CASE", host=H + H),
    "host-twice-good-first": get("/d/CASE", host=H + "Host: evil.example\r\n"),
    "host-twice-evil-first": get("/d/CASE", host="Host: evil.example\r\n" + H),
    "host-missing": get("/d/CASE", host=""),
    "host-empty": get("/d/CASE", host="Host:\r\n"),
    "host-evil": get("/d/CASE", host="Host: evil.example\r\n"),
    "host-list": get("/d/CASE", host=f"Host: {HOST}, evil.example\r\n"),
    "host-userinfo": get("/d/CASE", host=f"Host: evil@{HOST}\r\n"),
    "host-path": get("/d/CASE", host=f"Host: {HOST}/evil\r\n"),
    "host-space": get("/d/CASE", host=f"Host : {HOST}\r\n"),
    "host-http-1.0-none": get("/d/CASE", host="", version="HTTP/1.0"),
    # Target.
    "target-absolute": get(f"https://{HOST}/d/CASE"),
    "target-absolute-evil": get("http://evil.example/d/CASE"),
    "target-absolute-evil-host": get(f"http://{HOST}/d/CASE", host="Host: evil.example\r\n"),
    "target-absolute-userinfo": get(f"http://{HOST}@evil.example/d/CASE"),
    "target-rootless": get("d/CASE"),
    "target-star": get("*", method="OPTIONS"),
    "target-authority": get("evil.example:443", method="CONNECT"),
    "target-empty": "GET  HTTP/1.1\r\n" + H + CLOSE + "\r\n",
    "target-space": get("/d/CASE /admin"),
    "target-tab": get("/d/CASE\t/admin"),
    "target-fragment": get("/d/CASE#/admin"),
    "target-double-slash": get("//d/CASE"),
    "target-host-like": get("//evil.example/d/CASE"),
    "target-dots": get("/d/CASE/../../mcp"),
    "target-encoded-dots": get("/d/CASE/%2e%2e/%2e%2e/mcp"),
    "target-encoded-slash": get("/d/CASE%2f..%2f..%2fmcp"),
    "target-encoded-slash-twice": get("/d/CASE%252f..%252fmcp"),
    "target-backslash": get("/d/CASE\\..\\mcp"),
    "target-encoded-backslash": get("/d/CASE%5c..%5cmcp"),
    "target-nul": get("/d/CASE%00"),
    "target-encoded-line-feed": get("/mcp%0a"),
    "target-encoded-crlf": get("/d/CASE%0d%0aX-A:%20b"),
    "target-semicolon": get("/d/CASE;x=y"),
    "target-dot-semicolon": get("/d/CASE/..;/mcp"),
    "target-encoded-question": get("/d/CASE%3fa=b"),
    "target-encoded-letter": get("/%64/CASE"),
    "target-encoded-mcp": get("/%6dcp"),
    "target-upper": get("/MCP"),
    "target-mcp-slash": get("/mcp/"),
    "target-mcp-encoded-slash": get("/mcp%2f"),
    "target-mcp-parameter": get("/mcp;x"),
    "target-bad-escape": get("/d/CASE%zz"),
    "target-utf-8": get("/d/CASE/\u00e9"),
    # Version, method, order, upgrades, credentials.
    "version-0.9": "GET /d/CASE\r\n\r\n",
    "version-1.0": get("/d/CASE", version="HTTP/1.0"),
    "version-1.2": get("/d/CASE", version="HTTP/1.2"),
    "version-2.0": get("/d/CASE", version="HTTP/2.0"),
    "version-lower": get("/d/CASE", version="http/1.1"),
    "version-extra": get("/d/CASE", version="HTTP/1.1 x"),
    "preface-h2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "method-lower": get("/d/CASE", method="get"),
    "method-unknown": get("/d/CASE", method="EVIL"),
    "method-trace": get("/d/CASE", method="TRACE"),
    "upgrade-h2c": f"GET /d/CASE HTTP/1.1\r\n{H}X-Case: CASE\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    f"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n{INNER}",
    "upgrade-websocket": f"GET /d/CASE HTTP/1.1\r\n{H}X-Case: CASE\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n{INNER}",
    "expect-continue": post("Expect: 100-continue\r\nContent-Length: 2\r\n", "{}"),
    "expect-other": post("Expect: evil\r\nContent-Length: 2\r\n", "{}"),
    "pipelined": get("/d/CASE").replace(CLOSE, "") + get("/d/CASE"),
    "pipelined-garbage": get("/d/CASE").replace(CLOSE, "") + "\x01\x02\r\n\r\n",
    "connection-names-authorization": get("/d/CASE", "Authorization: Bearer a\r\nConnection: Authorization\r\n"),
    "authorization-twice": get("/mcp", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
    "authorization-underscore": get("/mcp", "Authorization_: Bearer a\r\n"),
}  # fmt: skip


@dataclass
class View:
    """What came of one input on one way: the answers' status codes and what the application saw."""

    statuses: list[int]
    seen: list[Seen]
    routed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def served(self) -> bool:
        """Whether a route answered: neither a refusal of the message nor of its host."""
        return any(status < 400 or status in {401, 403, 404, 405} for status in self.statuses)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[View, View]]]:
    """Every case, sent both ways at once."""
    # Short, and yet longer than a slow machine takes from a connection to the whole request.
    limits = Limits(head=8, stall=8, body=8, idle=1, write=8)
    with (
        surface(limits) as alone,
        surface(limits) as behind,
        edge(tmp_path_factory.mktemp("edge"), behind.port, read_timeout="8s", idle_timeout="1s") as front,
    ):
        yield asyncio.run(_all(alone, behind, front, len(behind.records)))


async def _all(alone: Surface, behind: Surface, front: Edge, skipped: int) -> dict[str, tuple[View, View]]:
    direct, through = await asyncio.gather(
        asyncio.gather(*(_send(alone.port, raw, name) for name, raw in CASES.items())),
        asyncio.gather(*(_send(front.port, raw, name, front.context) for name, raw in CASES.items())),
    )
    ports = {port for _, port in through}
    routed = [line for line in front.accesses() if int(line["ClientPort"]) in ports]
    found = {}
    for name, (one, _), (two, port) in zip(CASES, direct, through, strict=True):
        lines = [line for line in routed if int(line["ClientPort"]) == port]
        found[name] = (
            View(one, _of(alone.records, name)),
            View(two, _of(behind.records[skipped:], name), lines),
        )
    answered = sum(1 for line in routed if line.get("OriginStatus"))
    assert len(behind.records[skipped:]) <= answered, "the server saw requests that Traefik did not send"
    found[_STRAYS] = (View([], _smuggled(alone.records)), View([], _smuggled(behind.records), _inner(routed)))
    return found


def _smuggled(records: list[Seen]) -> list[Seen]:
    return [seen for seen in records if "smuggled" in seen.path]


def _inner(routed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in routed if "smuggled" in line["RequestPath"]]


def _of(records: list[Seen], name: str) -> list[Seen]:
    own = re.compile(rf"/d/{re.escape(name)}(?![a-z0-9-])")
    return [seen for seen in records if name.encode() in seen.values(b"x-case") or own.match(seen.path)]


async def _send(port: int, raw: str, name: str, context: ssl.SSLContext | None = None) -> tuple[list[int], int]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost" if context else None
    )
    local = int(writer.get_extra_info("sockname")[1])
    received = b""
    try:
        writer.write(raw.replace("CASE", name).encode("utf-8"))
        async with asyncio.timeout(_LISTEN):
            while chunk := await reader.read(65536):
                received += chunk
    except (TimeoutError, ConnectionError):
        pass
    writer.transport.abort()
    # One answer's body may end right where the next answer begins.
    statuses = [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d\d\d)(?: |\r)", received)]
    return [code for code in statuses if code >= 200], local


def danger(direct: View, through: View) -> list[str]:
    """Why a case is dangerous; empty when it is not."""
    found = []
    if len(through.seen) > len(through.routed):
        found.append(f"the server saw {len(through.seen)} requests where Traefik saw {len(through.routed)}")
    served = ([seen for seen in view.seen if seen.status] for view in (direct, through))
    if any(len(seen) > len(view.statuses) for seen, view in zip(served, (direct, through), strict=True)):
        found.append("more requests were served than answers came")
    for seen, line in zip(through.seen, through.routed, strict=False):
        if seen.status not in _REFUSED:
            found += _unlike(seen, line)
    for seen in direct.seen + through.seen:
        if seen.status not in _REFUSED and seen.values(b"host") != [HOST.encode()]:
            found.append(f"host {seen.values(b'host')} was served with {seen.status}")
        if any(b"evil" in value for value in seen.values(b"authorization")) or seen.values(b"x-forwarded-prefix"):
            found.append("a trailer became a header")
    first = [seen for seen in (*direct.seen[:1], *through.seen[:1]) if seen.status not in _REFUSED]
    if len(first) == 2 and first[0].body != first[1].body and None not in {each.status for each in first}:
        found.append(f"body {first[0].body!r} directly, {first[1].body!r} through Traefik")
    return found


def _unlike(seen: Seen, line: dict[str, Any]) -> list[str]:
    """In what the server's view of a request differs from the one that Traefik routed by."""
    pairs = {
        "path": (seen.path, unquote(line["RequestPath"].split("?", 1)[0])),
        "method": (seen.method, line["RequestMethod"]),
        "host": ([value.decode() for value in seen.values(b"host")], [line.get("RequestAddr", "")]),
    }
    return [f"{what} {ours!r} where Traefik routed {its!r}" for what, (ours, its) in pairs.items() if ours != its]


def test_no_input_is_two_requests_or_another_request_to_one_of_the_two(views: dict[str, tuple[View, View]]) -> None:
    found = {name: danger(*views[name]) for name in CASES}
    different = {
        name: f"direct {one.statuses} {[seen.path for seen in one.seen]}, through Traefik {two.statuses} "
        f"{[seen.path for seen in two.seen]}"
        for name, (one, two) in ((name, views[name]) for name in CASES)
        if one.served != two.served
    }
    dangerous = {name: reason for name, reason in found.items() if reason}
    record(
        28,
        "parser-views",
        tried=len(CASES),
        passed=len(CASES) - len(dangerous),
        figure=f"{len(dangerous)} of {len(CASES)} with a dangerous view; {len(different)} with one side stricter",
        stricter=different,
        edge_5xx={name: views[name][1].statuses for name in CASES if max(views[name][1].statuses, default=0) >= 500},
        command=COMMAND,
        negative_control="test_bare_uvicorn_takes_trailers_for_headers",
    )
    assert len(CASES) >= 60
    # 501 and 505 are the right words for what we do not speak; a fault of ours would be one of these.
    assert [name for name in CASES if {500, 502, 503, 504}.intersection(views[name][0].statuses)] == []
    assert dangerous == {}
    # Traefik's own 500 to a malformed chunk, whatever reads the body there: ours must not have served any of it.
    at_the_edge = [name for name in CASES if {500, 502, 503, 504}.intersection(views[name][1].statuses)]
    assert {name.split("-")[0] for name in at_the_edge} <= {"chunk"}
    assert [name for name in at_the_edge if views[name][1].seen] == []


def test_what_follows_a_request_is_a_request_only_where_traefik_says_so(views: dict[str, tuple[View, View]]) -> None:
    direct, through = views[_STRAYS]
    # Behind some inputs a second request is well formed: Traefik then routes it as one of its own; we serve one each.
    assert len(through.seen) <= len(through.routed)
    assert direct.seen == []


@pytest.mark.parametrize("bare", [True, False])
def test_bare_uvicorn_takes_trailers_for_headers(bare: bool) -> None:
    """The negative control: the same input, with uvicorn's own protocol, arrives with a second Authorization."""
    with surface(Limits(idle=1), bare=bare) as running:
        raw = CASES["trailer-authorization"]
        statuses, _ = asyncio.run(_send(running.port, raw, "trailer-authorization"))
        assert len(statuses) == 1
        direct = View(statuses, _of(running.records, "trailer-authorization"))
    assert bool(danger(direct, View([], []))) is bare
