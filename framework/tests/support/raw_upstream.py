"""An upstream on a real socket: keeps every request as its bytes say, and answers with the bytes that a test chose."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET, socket
from typing import Any, TypeAlias

__all__ = ["Answerer", "RawRequest", "RawUpstream", "answer", "cut", "raw_upstream", "silent"]


@dataclass(frozen=True)
class RawRequest:
    """One request; header names in lower case, in the order they came."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def target(self) -> str:
        """The request target, as it was sent."""
        return self.line.split(" ")[1]

    @property
    def method(self) -> str:
        """The method."""
        return self.line.split(" ")[0]

    @property
    def token(self) -> str:
        """The bearer token."""
        return dict(self.headers).get("authorization", "").removeprefix("Bearer ")

    @property
    def everything(self) -> str:
        """All of it as text, to look for what must not be there."""
        return self.line + repr(self.headers) + self.body.decode("latin-1")


Answerer: TypeAlias = Callable[[RawRequest, asyncio.StreamWriter], Awaitable[None]]


def answer(
    status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None, *, raw: bytes | None = None
) -> Answerer:
    """A whole answer; ``body`` is JSON, ``raw`` bytes as they are."""

    async def send(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        given = {"content-type": "application/json", "content-length": str(len(content)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode("latin-1") + content)
        await writer.drain()

    return send


async def cut(_: RawRequest, writer: asyncio.StreamWriter) -> None:
    """Reset the connection once the request is read."""
    connection: socket = writer.get_extra_info("socket")
    connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(_: RawRequest, writer: asyncio.StreamWriter) -> None:
    """Begin an answer and never end it."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{")
    await writer.drain()
    await writer.wait_closed()


@dataclass
class RawUpstream:
    """What came, and what is answered: ``script`` first, each entry once, then ``otherwise``."""

    url: str = ""
    asked: list[RawRequest] = field(default_factory=list)
    connections: int = 0
    script: list[Answerer] = field(default_factory=list)
    otherwise: Answerer = field(default_factory=lambda: answer(200, {"ok": True}))

    def will(self, *answers: Answerer) -> None:
        """Answer the next requests like this."""
        self.script.extend(answers)

    @property
    def targets(self) -> list[str]:
        """Method and target of every request."""
        return [f"{asked.method} {asked.target}" for asked in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.asked.append(request)
                step = self.script.pop(0) if self.script else self.otherwise
                await step(request, writer)
                if step is cut:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> RawRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *lines = head[:-4].split("\r\n")
    headers = tuple((name.lower(), value.strip()) for name, _, value in (entry.partition(":") for entry in lines))
    return RawRequest(line, headers, await reader.readexactly(int(dict(headers).get("content-length", "0"))))


@asynccontextmanager
async def raw_upstream() -> AsyncIterator[RawUpstream]:
    """A server on a free port of loopback, until the block ends."""
    upstream = RawUpstream()
    tasks = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        # asyncio would log the end of the block as a fault of this callback.
        with suppress(asyncio.CancelledError):
            await upstream.serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
