"""An authorization server on a real socket that can fail in every way a network and a bad server can.

Invariant: it speaks to loopback only; ``fault`` decides how each next request is answered, None means well.
"""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gatelodge.core.urls import path_of

__all__ = ["FAULTS", "FaultServer", "running"]

ANSWERS: dict[str, bytes] = {
    "status 500": b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}",
    "status 429": b"HTTP/1.1 429 Slow Down\r\nretry-after: 600\r\ncontent-length: 2\r\n\r\n{}",
    "captive portal": b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>",
    "empty object": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "no keys": b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"keys":[]}',
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no HTTP": b"\x15\x03\x01\x00\x02\x02\x46",
    "closed at once": b"",
}
BOMB = gzip.compress(b'{"keys":[' + b" " * 20_000_000 + b"]}")
FAULTS = (*ANSWERS, "reset", "silent", "slow", "slow header", "truncated", "huge", "endless", "gzip bomb", "redirect")


class FaultServer:
    """``base`` is its URL; ``documents`` what it serves by path; ``requests`` the paths that were asked for."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.documents: dict[str, dict[str, Any]] = {}
        self.fault: str | None = None
        self.requests: list[str] = []

    def publish(self, issuer: str, metadata: dict[str, Any], keys: dict[str, Any]) -> None:
        """Serve the two documents of ``issuer``."""
        realm = path_of(issuer)
        self.documents[f"{realm}/.well-known/openid-configuration"] = metadata
        self.documents[f"{realm}/protocol/openid-connect/certs"] = keys

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, then close."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            self.requests.append(path)
            if self.fault is None:
                body = json.dumps(self.documents[path]).encode()
                await _send(writer, _ok(len(body)) + body)
            else:
                await self._fail(self.fault, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The client went away, as it should.
        finally:
            writer.close()

    async def _fail(self, fault: str, writer: asyncio.StreamWriter) -> None:
        match fault:
            case "reset":
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "silent":
                await asyncio.Event().wait()
            case "slow" | "slow header":
                await _send(writer, _ok(1_000_000) if fault == "slow" else b"HTTP/1.1 200 OK\r\nx: ")
                while True:
                    await _send(writer, b" " if fault == "slow" else b"y")
                    await asyncio.sleep(0.02)
            case "truncated":
                await _send(writer, _ok(5000) + b'{"keys": [{"kid": "x", ')
            case "huge":
                await _send(writer, _ok(10_000_000))
                for _ in range(1000):
                    await _send(writer, b" " * 10_000)
            case "endless":
                await _send(writer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                while True:
                    await _send(writer, b"2710\r\n" + b" " * 10_000 + b"\r\n")
            case "gzip bomb":
                await _send(writer, _ok(len(BOMB), b"content-encoding: gzip\r\n") + BOMB)
            case "redirect":
                target = f"{self.base}/elsewhere".encode()
                await _send(writer, b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: " + target + b"\r\n\r\n")
            case _:
                await _send(writer, ANSWERS[fault])


def _ok(length: int, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nconnection: close\r\n%bcontent-length: %d\r\n\r\n" % (more, length)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


@asynccontextmanager
async def running() -> AsyncIterator[FaultServer]:
    """A server on a free port of loopback; at the end its open answers are cut off."""
    tasks: set[asyncio.Task[None]] = set()
    found: list[FaultServer] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(found[0].serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    found.append(FaultServer(listener.sockets[0].getsockname()[1]))
    try:
        yield found[0]
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
