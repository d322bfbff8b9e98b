"""A uvicorn HTTP protocol that gives up on clients which are too slow, and refuses what two parsers may read apart.

RFC 9112, sections 3.2 and 6.5; RFC 9110, section 15.5.9. Invariant: whatever a client does or leaves undone, its
connection ends in bounded time unless a request of it is at work. Not here: the size of a body (``message``).
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

__all__ = ["GuardedProtocol", "Limits", "guarded"]

# Multiples of it, modulo one, never crowd.
_GOLDEN = (5**0.5 - 1) / 2
_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)(?:[/?].*)?", re.IGNORECASE | re.DOTALL)
# Encoded control characters in a path, and fragments: no path of ours has one, and routers disagree about them.
_UNUSABLE = re.compile(rb"[^?]*(?:%(?:[01][0-9a-f]|7f)|#)|.*#", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a client may take, in seconds, and how much it may send before its body."""

    head: float = 10
    """From the connection, or a request's first byte, to the end of its header."""
    stall: float = 10
    """Without one byte of a body that is not whole; also how long the rest of an answered request may take."""
    body: float = 60
    """From the end of the header to the end of the body."""
    idle: int = 5
    """Between an answer and the next request."""
    write: float = 60
    """Without the client taking one byte of the answer that waits for it."""
    head_bytes: int = 65_536
    """Target, header names and values."""
    headers: int = 128
    """Number of header fields."""
    unread_bytes: int = 65_536
    """Of a body; beyond it, a request that was answered before the end of its body is the last of its connection."""

    @property
    def tick(self) -> float:
        """Seconds between two looks at a connection: a limit is kept within a quarter of the shortest."""
        return min(self.head, self.stall, self.body, self.write) / 4


class _Refused(Exception):
    """Leaves the parser's callbacks; uvicorn answers it as a request that cannot be read."""


def guarded(limits: Limits) -> type[HttpToolsProtocol]:
    """The protocol class with these limits, for ``uvicorn.Config(http=...)``."""
    return type("Guarded", (GuardedProtocol,), {"limits": limits, "turns": count()})


class GuardedProtocol(HttpToolsProtocol):
    """One connection. A request costs a few clock readings; the timer is one for the life of the connection."""

    limits = Limits()
    turns: Iterator[int] = count()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a header from here on."""
        super().connection_made(transport)
        now = self.loop.time()
        # Head is what the client owes us when neither of the next two is set.
        self._head_since: float | None = now
        self._body_since: float | None = None
        self._last_byte = self._last_taken = now
        self._unsent = self._head_size = self._body_size = 0
        self._status = 400
        self._deaf = self._last = False
        # Spread over a tick: of a thousand that come together, all would be looked at, and closed, in one turn of the loop.
        phase = next(self.turns) * _GOLDEN % 1
        self._timer = self.loop.call_later(self.limits.tick * phase, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note the time, parse, and refuse a header that grows too large before it ends."""
        if self._deaf or self.transport.is_closing():
            return
        self._last_byte = self.loop.time()
        if self._body_since is None and self._head_since is None:
            self._head_since = self._last_byte
        super().data_received(data)
        if self._head_since is not None and not self._deaf and not self.transport.is_closing():
            # A single field is not told before its end: count what came, as long as no header ends.
            self._head_size += len(data)
            if self._head_size > self.limits.head_bytes:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """A request of its own. One sent before the last was answered is dropped, and the connection ends with it.

        uvicorn would stop reading, and so not notice when this client leaves (RFC 9112, section 9.3.2, allows both).
        """
        if self._last or (self._at_work() and not self._all_written()):
            raise _Refused
        super().on_message_begin()
        self._head_size = 0
        self._head_since, self._body_since = self._head_since or self.loop.time(), None

    def on_url(self, url: bytes) -> None:
        """Count the target."""
        super().on_url(url)
        self._counted(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header field; a trailer field of a chunked body is dropped, for the headers are decided on by then."""
        self._counted(len(name) + len(value) + 4)
        if self._body_since is not None:
            return
        # The parser leaves blanks behind a value (RFC 9110, section 5.5); of the framing it must stay the only judge.
        super().on_header(name, value if name.lower() == b"transfer-encoding" else value.rstrip(b" \t"))
        if len(self.headers) > self.limits.headers:
            self._reject(431)

    def on_headers_complete(self) -> None:
        """Pass the request on, unless its framing or its host is in doubt."""
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            self._reject(505)
        hosts = []
        for name, value in self.headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"transfer-encoding" and (version == "1.0" or value.lower() != b"chunked"):
                self._reject(501)
        if len(hosts) > 1 or (not hosts and version == "1.1"):
            self._reject(400)
        if _UNUSABLE.match(self.url) or not (self.url.startswith(b"/") or _names_the_host(self.url, hosts)):
            self._reject(400)
        super().on_headers_complete()
        self._head_since, self._body_since, self._head_size, self._body_size = None, self.loop.time(), 0, 0
        if self.parser.should_upgrade():
            # What follows an upgrade is not read as requests: nothing may be thought to wait in this connection.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count what comes; a large body that nobody waits for any more is read to its end, and is the last."""
        super().on_body(body)
        self._body_size += len(body)
        if self._body_size > self.limits.unread_bytes and self.cycle.response_complete:
            self._last = True

    def on_message_complete(self) -> None:
        """Nothing is owed by the client."""
        super().on_message_complete()
        self._body_since = None
        if self._last:
            self.transport.close()

    def on_response_complete(self) -> None:
        """An answer given before the body was whole leaves little time for its rest."""
        super().on_response_complete()
        if self._body_since is not None and not self._at_work():
            self._last = self._body_size > self.limits.unread_bytes
            self._body_since = min(self._body_since, self.loop.time() + self.limits.stall - self.limits.body)

    def resume_writing(self) -> None:
        """The client took something."""
        self._last_taken = self.loop.time()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """The answer to what cannot be read: constant, without a body. Never inside or after another answer."""
        if self._last and self._body_since is None:
            # The answer was given; the connection is at its end.
            return
        if self._at_work() and self._body_since is None:
            # Only what follows the request at work is bad: that one gets its answer, and is the last.
            self._deaf, self._head_since, self.cycle.keep_alive = True, None, False
            return
        if self._body_since is None or not self.cycle.response_started:
            self.transport.write(STATUS_LINE[self._status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        if self._at_work():
            # What still runs for this client learns at once that nobody listens.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _all_written(self) -> bool:
        # A client may have the whole of an answer while the application has yet to say that this was all.
        cycle = self.cycle
        whole = cycle.expected_content_length == 0 or cycle.scope["method"] == "HEAD"
        return cycle.response_started and not cycle.chunked_encoding and whole

    def _counted(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self.limits.head_bytes:
            self._reject(431)

    def _reject(self, status: int) -> None:
        self._status = status
        raise _Refused

    def _refuse(self, status: int) -> None:
        self._status = status
        self.send_400_response("")

    def _look(self) -> None:
        """Act on what is overdue, and look again later."""
        now, limits = self.loop.time(), self.limits
        self._timer = self.loop.call_later(limits.tick, self._look)
        if self._stuck(now):
            self.transport.abort()
        elif self.transport.is_closing() or self.flow.read_paused:
            # We, not the client, are the ones who do not read.
            self._last_byte = now
        elif self._body_since is not None:
            if now - self._last_byte > limits.stall or now - self._body_since > limits.body:
                self._refuse(408)
        elif self._head_since is not None and now - self._head_since > limits.head:
            self._head_overdue(now)

    def _head_overdue(self, now: float) -> None:
        if self._at_work():
            # Line ends before a next request must not end the answer at work; its time counts from that answer's end.
            self._head_since = now
        elif self._head_size:
            self._refuse(408)
        else:
            # Nothing was asked, so an answer would be taken for the next request's.
            self.transport.close()

    def _stuck(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._last_taken = unsent, now
        return now - self._last_taken > self.limits.write


def _names_the_host(target: bytes, hosts: list[bytes]) -> bool:
    """Whether a target in absolute form has the authority of Host: Traefik goes by the one, we by the other."""
    absolute = _ABSOLUTE.fullmatch(target)
    return absolute is not None and len(hosts) == 1 and absolute[1].lower() == hosts[0].lower()
