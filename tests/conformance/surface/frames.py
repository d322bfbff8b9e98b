"""HTTP/2 written by hand (RFC 9113, RFC 7541): the frames that no client library sends, in any number and order.

Invariant: reading never stops while something is being sent, and both end in bounded time. Header blocks use literals
without indexing, so that they can be repeated; what is meant to be a bomb says so.
"""

import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
CANCEL = 8
# The codes of RFC 9113, section 7, that are expected here.
PROTOCOL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 1, 7, 11


def frame(kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0) -> bytes:
    """One frame (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value: int, prefix: int, first: int = 0) -> bytes:
    """An integer with a prefix of so many bits (RFC 7541, section 5.1)."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    encoded, value = [first | most], value - most
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def literal(name: bytes, value: bytes, *, indexed: bool = False) -> bytes:
    """A header field with a literal name; ``indexed`` puts it into the dynamic table (RFC 7541, section 6.2)."""
    return (b"\x40" if indexed else b"\x00") + integer(len(name), 7) + name + integer(len(value), 7) + value


def request_fields(path: str, *, method: str = "GET", extra: Mapping[str, str] | None = None) -> bytes:
    """The header block of a request to the public address."""
    fields = {":method": method, ":scheme": "https", ":authority": "localhost:8443", ":path": path, **(extra or {})}
    return b"".join(literal(name.encode(), value.encode()) for name, value in fields.items())


@dataclass
class Received:
    """A frame that came."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of RST_STREAM and GOAWAY."""
        return int(struct.unpack(">I", self.payload[4:8] if self.kind == GOAWAY else self.payload[:4])[0])


@dataclass
class Wire:
    """A connection: what came, and whether it ended. Not closed by a ``Wire`` itself."""

    tls: ssl.SSLSocket
    frames: list[Received] = field(default_factory=list)
    ended: bool = False
    sent: int = 0
    _rest: bytes = b""

    def exchange(self, data: bytes = b"", *, until: Callable[[], bool] = lambda: True, seconds: float = 60) -> None:
        """Send all of it, reading meanwhile, then read until the condition holds or the connection ends."""
        view, deadline = memoryview(data), time.monotonic() + seconds
        while not self.ended and (view or not until()):
            assert time.monotonic() < deadline, "neither sent, nor answered, nor ended in time"
            moved = self._read()
            if view and not self.ended:
                done = self._write(view[:16_384])
                view, moved = view[done:], moved or bool(done)
            if not moved and not self.ended:
                select.select([self.tls], [self.tls] if view else [], [], 0.05)

    def goaway(self) -> int | None:
        """The code with which the other side said that it ends the connection."""
        return next((frame.code for frame in self.frames if frame.kind == GOAWAY), None)

    def count(self, kind: int) -> int:
        """How many frames of a kind came."""
        return sum(1 for frame in self.frames if frame.kind == kind)

    def _write(self, piece: memoryview) -> int:
        try:
            done = self.tls.send(piece)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            # What was said before the end is still there to be read.
            while not self.ended and self._read():
                pass
            self.ended = True
            return 0
        self.sent += done
        return done

    def _read(self) -> bool:
        try:
            chunk = self.tls.recv(65_536)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            chunk = b""
        self.ended = not chunk
        self._rest += chunk
        while len(self._rest) >= 9 and len(self._rest) >= 9 + (size := int.from_bytes(self._rest[:3])):
            kind, flags, stream = struct.unpack(">BBI", self._rest[3:9])
            self.frames.append(Received(kind, flags, stream, self._rest[9 : 9 + size]))
            self._rest = self._rest[9 + size :]
        return bool(chunk)


@contextmanager
def http2(port: int, ca_file: Path, *, settings: bytes = b"") -> Iterator[Wire]:
    """A connection with its settings agreed and a window that never fills."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        assert tls.selected_alpn_protocol() == "h2"
        tls.setblocking(False)
        wire = Wire(tls)
        window = frame(WINDOW_UPDATE, struct.pack(">I", 2**31 - 1 - 65_535))
        wire.exchange(PREFACE + frame(SETTINGS, settings) + window, until=lambda: wire.count(SETTINGS) >= 1)
        # From here on a stream over the limit is no misunderstanding (RFC 9113, section 5.1.2).
        wire.exchange(frame(SETTINGS, flags=ACK))
        yield wire
