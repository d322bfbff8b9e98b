"""HTTP/2 floods against Traefik with the stack's own configuration: bounded in work, memory and time (M22).

Rapid reset is CVE-2023-44487, a CONTINUATION flood CVE-2023-45288, streams that the server itself must reset
CVE-2025-8671. Meanwhile ordinary requests are answered.
"""

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from native_stack import CHECKOUT
from surface import Edge, Surface, call, edge, surface

from conformance.surface.frames import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    HEADERS,
    PING,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Wire,
    frame,
    http2,
    literal,
    request_fields,
)
from conformance.surface.test_slow_clients import connect, rest
from gatelodge.app.slow_clients import Limits

MANY = 10_000
GOOD = 20
STREAMS = 100
# A megabyte is a Go process's noise; what is to be seen is gigabytes: a bomb's decoded size, or one per stream.
MOST_MEMORY = 700 * 1024 * 1024

_GET = request_fields("/health/live")
_POST = request_fields("/mcp", method="POST", extra={"content-length": "100"})
# Traefik's own answer: nothing behind it is asked.
_NOWHERE = request_fields("/nowhere")
_OPEN, _WHOLE = END_HEADERS, END_HEADERS | END_STREAM
# In any form that the encoder may choose for the name.
_STATUS_404, _STATUS_431 = b"\x8d", b"\x03431"
# One entry of four kilobytes in the dynamic table, and then one octet for each time it is meant.
_BOMB_ENTRY, _AGAIN = literal(b"x-bomb", b"a" * 4000, indexed=True), b"\xbe"


@dataclass
class Front:
    """The server, Traefik in front of it, and where Traefik's files are."""

    served: Surface
    edge: Edge
    folder: Path

    @contextmanager
    def wire(self) -> Iterator[Wire]:
        """A connection of HTTP/2."""
        with http2(self.edge.port, self.folder / "tls" / "ca.pem") as wire:
            yield wire

    def memory(self) -> int:
        """The most that Traefik ever had in memory, in bytes."""
        wanted = str(self.folder / "traefik.yaml").encode()
        for process in Path("/proc").iterdir():
            # Others come and go while this looks.
            with suppress(FileNotFoundError, ProcessLookupError):
                if process.name.isdigit() and wanted in (process / "cmdline").read_bytes():
                    status = (process / "status").read_text().splitlines()
                    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024
        raise AssertionError("Traefik is not there")

    def good(self) -> int:
        """How many of ``GOOD`` ordinary calls are answered."""
        request = call(self.served.bearer(), "whoami", {"canary": "x"}, extra="Connection: close\r\n")
        answered = 0
        for _ in range(GOOD):
            with connect(self.edge.port, request, self.edge.context) as wire:
                answered += rest(wire).startswith(b"HTTP/1.1 200 ")
        return answered


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("http2")
    with surface(Limits()) as served, edge(folder, served.port, read_timeout="60s") as running:
        yield Front(served, running, folder)


def each(kind: int, fields: bytes, flags: int, then: bytes = b"", *, count: int = MANY) -> bytes:
    """So many new streams, each followed by a frame that ends or spoils it."""
    streams = range(1, 2 * count, 2)
    if not flags & END_HEADERS:
        raise ValueError("a stream starts with a whole header")
    return b"".join(
        frame(HEADERS, fields, flags=flags, stream=number) + (frame(kind, then, stream=number) if then else b"")
        for number in streams
    )


def bomb(fields: bytes, stream: int, times: int) -> bytes:
    """A request that decodes to four kilobytes for each octet; the first of a connection brings the entry."""
    block = fields + (_BOMB_ENTRY if stream == 1 else b"") + _AGAIN * times
    return frame(HEADERS, block, flags=_WHOLE, stream=stream)


_CANCEL, _NO_STEP = struct.pack(">I", CANCEL), struct.pack(">I", 0)
ENDED = {
    "rapid reset of reads": each(RST_STREAM, _GET, _WHOLE, _CANCEL, count=2 * MANY),
    "rapid reset of calls": each(RST_STREAM, _POST, _OPEN, _CANCEL, count=2 * MANY),
    "CONTINUATION flood": frame(HEADERS, _GET, flags=END_STREAM, stream=1)
    + b"".join(frame(CONTINUATION, literal(b"x-%d" % number, b"a" * 1000), stream=1) for number in range(MANY)),
}
REFUSED = {
    "streams the server must reset, window": each(WINDOW_UPDATE, _GET, _WHOLE, _NO_STEP),
    "streams the server must reset, calls": each(WINDOW_UPDATE, _POST, _OPEN, _NO_STEP),
    "streams the server must reset, late data": each(DATA, _GET, _WHOLE, b"x"),
    "streams left open": each(DATA, _POST, _OPEN),
}


def flooded(front: Front, data: bytes) -> Wire:
    """Send it all, as far as the connection lasts, while ordinary calls are made; they must all be answered."""
    with front.wire() as wire, ThreadPoolExecutor(1) as pool:
        flood = pool.submit(wire.exchange, data, seconds=120)
        assert front.good() == GOOD
        flood.result(120)
        # What is still on its way back: the end, or the answer to a last ping.
        wire.exchange(frame(PING, b"the last"), until=lambda: _last(wire))
        return wire


def _last(wire: Wire) -> bool:
    return any(frame.kind == PING and frame.payload == b"the last" for frame in wire.frames)


def kept(front: Front, streams: int, reached: int) -> None:
    """Check what every flood must keep to: few of its streams reach the server, and Traefik's memory stays bounded."""
    assert reached < max(streams // 5, 10)
    assert front.memory() < MOST_MEMORY


def reads(served: Surface) -> int:
    """Requests that came through and were not the ordinary calls."""
    return sum(1 for seen in served.records if seen.status != 200 or seen.path != "/mcp")


@pytest.mark.parametrize("name", ENDED)
def test_a_flood_ends_its_connection_and_nothing_else(front: Front, name: str) -> None:
    before = reads(front.served)
    wire = flooded(front, ENDED[name])
    assert wire.ended
    assert wire.goaway() == (PROTOCOL_ERROR if "CONTINUATION" in name else ENHANCE_YOUR_CALM)
    streams = 1 if "CONTINUATION" in name else 2 * MANY
    kept(front, streams, reads(front.served) - before)


@pytest.mark.parametrize("name", REFUSED)
def test_streams_over_the_limit_are_reset_and_reach_nobody(front: Front, name: str) -> None:
    before = reads(front.served)
    wire = flooded(front, REFUSED[name])
    refused = wire.count(RST_STREAM)
    assert wire.ended or refused >= MANY - STREAMS
    kept(front, MANY, reads(front.served) - before)


def test_of_streams_left_open_exactly_the_limit_is_kept(tmp_path: Path) -> None:
    with (
        surface() as served,
        edge(tmp_path, served.port, read_timeout="3s") as running,
        Front(served, running, tmp_path).wire() as wire,
    ):
        wire.exchange(each(DATA, _POST, _OPEN, count=STREAMS + 5) + frame(PING, b"the last"), until=lambda: _last(wire))
        reset = [frame for frame in wire.frames if frame.kind == RST_STREAM]
        assert [frame.stream for frame in reset] == [2 * number + 1 for number in range(STREAMS, STREAMS + 5)]
        assert {frame.code for frame in reset} <= {PROTOCOL_ERROR, REFUSED_STREAM}
        # Their bodies never come: the time limit for a request ends every one of them.
        wire.exchange(until=lambda: wire.count(HEADERS) + wire.count(RST_STREAM) >= STREAMS + 5)


def test_a_header_bomb_is_refused_unopened(front: Front) -> None:
    before = reads(front.served)
    with front.wire() as wire:
        # Sixteen thousand times four kilobytes each: six gigabytes, if anybody kept them.
        bombs = b"".join(bomb(_NOWHERE, 2 * number + 1, 16_000) for number in range(STREAMS - 1))
        wire.exchange(bombs, until=lambda: wire.count(HEADERS) >= STREAMS - 1)
        first = next(frame for frame in wire.frames if frame.kind == HEADERS)
    assert first.payload[1:5] == _STATUS_431
    assert front.good() == GOOD
    kept(front, STREAMS - 1, reads(front.served) - before)


@pytest.mark.parametrize(("kind", "payload"), [(PING, b"12345678"), (SETTINGS, b"")], ids=["ping", "settings"])
def test_control_frames_without_end_cost_bounded_memory(front: Front, kind: int, payload: bytes) -> None:
    before = front.memory()
    with front.wire() as wire:
        wire.exchange(frame(kind, payload) * 10 * MANY)
        assert front.good() == GOOD
    assert front.memory() < max(before + 100_000_000, MOST_MEMORY)


@contextmanager
def changed(folder: Path, patch: pytest.MonkeyPatch, changes: dict[str, str]) -> Iterator[Front]:
    """Traefik with some lines of its configuration changed."""
    infra = folder / "checkout" / "infra"
    (infra / "traefik").mkdir(parents=True)
    for name in ("versions.toml", "traefik/dynamic.yaml", "traefik/traefik.yaml"):
        text = (CHECKOUT / "infra" / name).read_text(encoding="utf-8")
        for old, new in changes.items() if name.endswith("/traefik.yaml") else ():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (infra / name).write_text(text, encoding="utf-8")
    patch.setattr("surface.CHECKOUT", folder / "checkout")
    with surface(Limits()) as served, edge(folder, served.port, read_timeout="60s") as running:
        yield Front(served, running, folder)


def test_a_header_that_never_ends_is_ended_by_the_idle_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty CONTINUATION frames add nothing, and so meet no limit of size."""
    with changed(tmp_path, monkeypatch, {"idleTimeout: 180s": "idleTimeout: 2s"}) as front, front.wire() as wire:
        wire.exchange(frame(HEADERS, _GET, flags=END_STREAM, stream=1) + frame(CONTINUATION, stream=1) * MANY)
        wire.exchange(until=lambda: wire.ended)
        assert wire.ended


def test_with_the_limits_off_the_same_floods_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: what is refused above is refused by these limits, and by nothing else."""
    off = {
        "maxConcurrentStreams: 100": "maxConcurrentStreams: 1000000",
        "maxHeaderBytes: 65536": "maxHeaderBytes: 99999999",
    }
    with changed(tmp_path, monkeypatch, off) as front:
        with front.wire() as wire:
            wire.exchange(bomb(_NOWHERE, 1, 1000), until=lambda: wire.count(HEADERS) == 1)
            assert next(frame for frame in wire.frames if frame.kind == HEADERS).payload.startswith(_STATUS_404)
        with front.wire() as wire:
            flood = each(DATA, _POST, _OPEN, count=300) + frame(PING, b"the last")
            wire.exchange(flood, until=lambda: _last(wire))
            assert (wire.count(RST_STREAM), wire.ended) == (0, False)
        with front.wire() as wire:
            wire.exchange(
                ENDED["rapid reset of reads"][: 2_000 * 97] + frame(PING, b"the last"), until=lambda: _last(wire)
            )
            assert (wire.goaway(), wire.ended) == (None, False)
