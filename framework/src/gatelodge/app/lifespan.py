"""Start and stop of what stands in front of an application, around the application's own (ASGI, lifespan protocol).

Invariant: it is open before the application starts and closed after it stopped; what cannot be opened is told in words
and stops the start. That it is over is said when it is closed: a server ends its process then, whatever still runs. An
application without a lifespan of its own is served all the same.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.core.errors import GatelodgeError

__all__ = ["Live"]


_END = "lifespan.shutdown."


class _Ended(Exception):
    """The application asks for more after it said that it stopped."""


class Live:
    """The lifespan of ``app``, with what ``enter`` puts on a stack around it."""

    def __init__(self, app: ASGIApp, enter: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
        self._app, self._enter = app, enter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one lifespan scope."""
        last: list[Message] = []

        async def kept_back(message: Message) -> None:
            if message["type"].startswith(_END):
                last.append(message)
            else:
                await send(message)

        try:
            async with AsyncExitStack() as stack:
                first = await receive()
                try:
                    await self._enter(stack)
                except GatelodgeError as error:
                    told = f"{error.detail}\n  next step: {error.hint}"
                    await send({"type": "lifespan.startup.failed", "message": told})
                    return
                await self._around(scope, first, receive, kept_back)
        finally:
            for message in last:
                await send(message)

    async def _around(self, scope: Scope, first: Message, receive: Receive, send: Send) -> None:
        begun, answered, ended = [first], False, False

        async def again() -> Message:
            if ended:
                # There is nothing more to come, and the server waits for us.
                raise _Ended
            return begun.pop() if begun else await receive()

        async def noted(message: Message) -> None:
            nonlocal answered, ended
            answered, ended = True, message["type"].startswith(_END)
            await send(message)

        try:
            await self._app(scope, again, noted)
        except _Ended:
            pass
        except Exception:
            # ASGI: an application that raises here before it said anything has no lifespan.
            if answered:
                raise
        if not answered:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
