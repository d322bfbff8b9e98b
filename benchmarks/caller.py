"""A client of few processor cycles: MCP requests as bytes over plain connections, each answer checked."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from loads import Load
from messages import ERAS
from replica import HOST, Replica

__all__ = ["Caller", "caller", "drive", "in_turn", "opened", "request", "signed"]

_PLACE = b"TOKEN-GOES-HERE"
_WAIT = 60.0  # seconds for one answer


def request(era: str, method: str, params: dict[str, Any]) -> bytes:
    """A request's bytes, with a place for the token that ``Caller`` fills."""
    head = [
        "POST /mcp HTTP/1.1",
        f"Host: {HOST}",
        f"Authorization: Bearer {_PLACE.decode()}",
        "Accept: application/json, text/event-stream",
        "Content-Type: application/json",
        f"MCP-Protocol-Version: {era}",
    ]
    if era == ERAS[1]:
        meta = {"io.modelcontextprotocol/protocolVersion": era, "io.modelcontextprotocol/clientCapabilities": {}}
        params = {**params, "_meta": {**meta, **params.get("_meta", {})}}
        head.append(f"Mcp-Method: {method}")
        if "name" in params:
            head.append(f"Mcp-Name: {params['name']}")
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def signed(one: bytes, token: str) -> bytes:
    """A request of ``request`` with its token."""
    return one.replace(_PLACE, token.encode(), 1)


class Caller:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, one: bytes, token: str) -> tuple[int, bytes]:
        """Status and header of the answer."""
        self._writer.write(signed(one, token))
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), _WAIT)
        return int(head[9:12]), head

    async def call(self, one: bytes, token: str) -> float:
        """Milliseconds of a call that is answered with JSON. Raises: RuntimeError for another answer."""
        began = time.perf_counter()
        status, head = await self.send(one, token)
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length or 0))
        took = (time.perf_counter() - began) * 1e3
        if status != 200 or b'"isError":false' not in body:
            raise RuntimeError(f"{status} {body[:300]!r}")
        return took

    async def until(self, mark: bytes) -> None:
        """Read on until the answer has said this."""
        await asyncio.wait_for(self._reader.readuntil(mark), _WAIT)

    def close(self) -> None:
        self._writer.close()


@contextlib.asynccontextmanager
async def caller(at: Replica) -> AsyncIterator[Caller]:
    """A caller with a connection of its own."""
    one = Caller(*await asyncio.open_connection("127.0.0.1", at.port))
    try:
        yield one
    finally:
        one.close()


async def opened(at: Replica, one: bytes, tokens: Iterable[str], mark: bytes) -> list[Caller]:
    """Streams that stay open, one a token, each after its first event, which holds ``mark``."""
    found: list[Caller] = []
    for token in tokens:
        stream = Caller(*await asyncio.open_connection("127.0.0.1", at.port))
        found.append(stream)
        status, head = await stream.send(one, token)
        if status != 200 or b"text/event-stream" not in head.lower():
            raise RuntimeError(f"no stream: {head!r}")
        await stream.until(mark)
    return found


async def drive(at: Replica, one: bytes, tokens: Sequence[str], seconds: float) -> Load:
    """Calls without pause for some seconds, one caller a token."""
    async with contextlib.AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(caller(at)) for _ in tokens]
        # The first call of each has the token checked, and is not counted.
        await asyncio.gather(*(own.call(one, token) for own, token in zip(callers, tokens, strict=True)))
        took: list[float] = []
        before, began = at.processor_s(), time.perf_counter()
        end = began + seconds

        async def work(own: Caller, token: str) -> None:
            while time.perf_counter() < end:
                took.append(await own.call(one, token))

        await asyncio.gather(*(work(own, token) for own, token in zip(callers, tokens, strict=True)))
        return Load(took, time.perf_counter() - began, at.processor_s() - before, int(at.held()["files"]))


async def in_turn(at: Replica, one: bytes, tokens: Sequence[str]) -> Load:
    """One call after the other, each with the next token."""
    async with caller(at) as own:
        before, began = at.processor_s(), time.perf_counter()
        took = [await own.call(one, token) for token in tokens]
        return Load(took, time.perf_counter() - began, at.processor_s() - before, int(at.held()["files"]))
