"""One piece of work at a time for each key, however many wait for it.

Invariant: a caller that goes away does not end the work, for the work may already have spent a refresh token.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["Flights"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Flights(Generic[K, T]):
    """Work in flight by key."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[T]] = {}

    async def join(self, key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the work that is in flight for ``key``, or of ``work``, started now."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.create_task(work())
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Wait for all that is in flight; what it raises is its waiters' matter."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    def _landed(self, key: K, task: asyncio.Task[T]) -> None:
        self._tasks.pop(key, None)
        if not task.cancelled():
            # Read here, for every waiter may be gone.
            task.exception()
