"""Work that goes on to its end when the task that waits for it is cancelled.

Invariant: the cancellation is passed on, after the end of the work; a commit that has begun is never abandoned.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["shielded"]

T = TypeVar("T")


async def shielded(work: Awaitable[T]) -> T:
    """Run to the end even when the caller is cancelled meanwhile; the cancellation then goes on."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue  # a second cancellation, of a shutdown that grows impatient
        if not task.cancelled():
            # Read here, for the caller gets the cancellation.
            task.exception()
        raise
