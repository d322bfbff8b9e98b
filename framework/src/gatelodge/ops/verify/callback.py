"""A listener on loopback that takes the authorization server's answer (RFC 8252, section 7.3).

Invariant: it listens on 127.0.0.1 only, answers a constant page without the code, and keeps one answer in memory.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gatelodge.ops.link.browser import CallbackParams, SignInFailed
from gatelodge.ops.verify.loopback import LINE_LIMIT, LocalAnswer, serve_one

__all__ = ["Listener", "listening"]

_PATH = "/callback"
_PAGE = "<!doctype html><title>gatelodge</title><p>The answer has arrived. You can close this page.</p>"


class Listener:
    """Where the answer goes; ``answer`` waits for the next one."""

    def __init__(self) -> None:
        self.redirect_uri = ""
        self._answers: asyncio.Queue[str] = asyncio.Queue()

    async def answer(self, seconds: float) -> CallbackParams:
        """The next answer. Raises: SignInFailed, after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                return CallbackParams.of(await self._answers.get())
        except TimeoutError:
            raise SignInFailed(f"no answer came back to {self.redirect_uri} within {seconds:.0f} s") from None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        await serve_one(reader, writer, self._take)

    def _take(self, target: str) -> LocalAnswer | None:
        if target.partition("?")[0] != _PATH:
            return None
        self._answers.put_nowait(f"http://127.0.0.1{target}")
        return LocalAnswer(_PAGE, "text/html; charset=utf-8")


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """A listener on a free port until the block ends."""
    listener = Listener()
    server = await asyncio.start_server(listener.handle, "127.0.0.1", 0, limit=LINE_LIMIT)
    listener.redirect_uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{_PATH}"
    try:
        yield listener
    finally:
        server.close()
        await server.wait_closed()
