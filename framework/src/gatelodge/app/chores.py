"""Work beside the requests: unfinished refreshes and idle links, sessions and states that are over.

Invariant: a fault ends one round and never the task; a stop waits for no pause. Not here: the work (``connections``).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from gatelodge.core.errors import GatelodgeError

__all__ = ["DAILY", "OFTEN", "SOON", "every"]

logger = logging.getLogger(__name__)

# Seconds.
DAILY, OFTEN, SOON = 86_400.0, 300.0, 45.0
# After a round that failed.
_AGAIN = 60.0


@asynccontextmanager
async def every(seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Do ``work`` now and then every so many seconds, for as long as the block lasts."""

    async def repeat() -> None:
        while True:
            pause = seconds
            try:
                done = await work()
                logger.debug("%s: %s", name, done)
            except GatelodgeError as error:
                logger.warning("%s failed: %s", name, error.detail)
                pause = min(seconds, _AGAIN)
            except Exception:  # the outermost edge of a task that nobody awaits
                logger.exception("%s failed", name)
            await asyncio.sleep(pause)

    task = asyncio.create_task(repeat(), name=f"gatelodge {name}")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
