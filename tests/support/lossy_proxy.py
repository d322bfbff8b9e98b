"""A TCP proxy before a token endpoint that loses, cuts or replaces answers after the server acted on the request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

__all__ = ["Fault", "LossyProxy", "lossy"]

# lost: the server acts, its answer never comes. cut: half of it comes. unavailable: 503 in its place. unsent: the
# connection ends before the request reaches the server. silent: the server acts, and the connection stays open.
Fault = Literal["none", "lost", "cut", "unavailable", "unsent", "silent"]


class LossyProxy:
    """One request for each connection; ``posts`` counts what reached the server."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self.fault: Fault = "none"
        self.posts = 0
        self.url = ""
        self.acted = asyncio.Event()
        self.released = asyncio.Event()
        self.serving = set[asyncio.Task[None]]()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection in a task that ``lossy`` can wait for."""
        task = asyncio.create_task(self.serve(reader, writer))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one request on, and the answer as the fault has it."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
            fault = self.fault
            if fault != "unsent":
                await self._answer(writer, fault, await self._ask(head + body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            # Closed without the rest: the client sees a reset or an early end.
            writer.transport.abort() if self.fault != "none" else writer.close()

    async def _ask(self, request: bytes) -> bytes:
        self.posts += 1
        reader, writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        writer.write(request)
        answer = await reader.read(-1)
        writer.close()
        self.acted.set()
        return answer

    async def _answer(self, writer: asyncio.StreamWriter, fault: Fault, answer: bytes) -> None:
        if fault == "silent":
            await self.released.wait()
        elif fault == "cut":
            writer.write(answer[: len(answer) // 2])
        elif fault == "unavailable":
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        elif fault == "none":
            writer.write(answer)
        if not writer.is_closing():
            await writer.drain()


@asynccontextmanager
async def lossy(token_url: str) -> AsyncIterator[LossyProxy]:
    """The proxy before the server of ``token_url``; its ``url`` is the token endpoint behind it."""
    proxy = LossyProxy(token_url)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{urlsplit(token_url).path}"
    async with server:
        yield proxy
        proxy.released.set()
        for task in list(proxy.serving):
            task.cancel()
        await asyncio.gather(*proxy.serving, return_exceptions=True)
