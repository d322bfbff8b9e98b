"""A reverse proxy on loopback that adds a bearer token to every request: the official suite cannot send one.

It adds one header line and changes no other byte, so that what the suite tests with odd headers arrives as it was sent.
Requests are read only as far as their framing (RFC 9112, section 6); answers and streams are copied as they come, and
a side that goes away takes the other one with it.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Callable

__all__ = ["injecting_proxy"]

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_HEAD_LIMIT = 1 << 20
_BLOCK = 1 << 16


@contextlib.asynccontextmanager
async def injecting_proxy(
    listener: socket.socket, upstream: tuple[str, int], token: Callable[[], str]
) -> AsyncIterator[None]:
    """Accept on ``listener``, which is bound; each request goes to ``upstream`` with what ``token()`` returns."""
    open_now: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        try:
            await _relay(reader, writer, upstream, token)
        finally:
            open_now.discard(task)

    server = await asyncio.start_server(connected, sock=listener, limit=_HEAD_LIMIT)
    try:
        yield
    finally:
        server.close()
        for task in open_now:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)
        await server.wait_closed()


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: tuple[str, int], token: Callable[[], str]
) -> None:
    """One connection of a client, over one connection of its own to the server."""
    with contextlib.suppress(ConnectionError):
        up_reader, up_writer = await asyncio.open_connection(*upstream)
        there = asyncio.create_task(_requests(reader, up_writer, token))
        back = asyncio.create_task(_copy(up_reader, writer))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            up_writer.close()
    writer.close()


async def _requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: Callable[[], str]) -> None:
    """Pass requests on, one after the other, until the client ends."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(head[:-2] + f"Authorization: Bearer {token()}\r\n\r\n".encode())
            if _CHUNKED.search(head):
                await _chunks(reader, writer)
            elif length := _LENGTH.search(head):
                writer.write(await reader.readexactly(int(length[1])))
            await writer.drain()


async def _chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    size = -1
    while size != 0:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        writer.write(line)
        if size:
            writer.write(await reader.readexactly(size + 2))
            await writer.drain()
    # The trailer section ends with an empty line.
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        writer.write(line)
    writer.write(line)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
