"""Start and stop of what stands in front of an application, around the application's own (ASGI, lifespan protocol).

Invariant: it is open before the application starts and closed after it stopped; what cannot be opened is told in words
and stops the start. An application without a lifespan of its own is served all the same.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.core.errors import GatelodgeError

__all__ = ["Live"]


class Live:
    """The lifespan of ``app``, with what ``enter`` puts on a stack around it."""

    def __init__(self, app: ASGIApp, enter: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
        self._app, self._enter = app, enter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one lifespan scope."""
        async with AsyncExitStack() as stack:
            first = await receive()
            try:
                await self._enter(stack)
            except GatelodgeError as error:
                told = f"{error.detail}\n  next step: {error.hint}"
                await send({"type": "lifespan.startup.failed", "message": told})
                return
            await self._around(scope, first, receive, send)

    async def _around(self, scope: Scope, first: Message, receive: Receive, send: Send) -> None:
        begun, answered = [first], False

        async def again() -> Message:
            return begun.pop() if begun else await receive()

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, again, noted)
        except Exception:
            # ASGI: an application that raises here before it said anything has no lifespan.
            if answered:
                raise
        if not answered:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
