"""What the desk does between requests: one task for each job, which outlives every failure of its job.

Not here: the jobs.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["Job", "running"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` is called ``every`` so many seconds, first after that time."""

    name: str
    every: float
    run: Callable[[], Awaitable[object]]


@asynccontextmanager
async def running(jobs: Iterable[Job]) -> AsyncIterator[None]:
    """Have the jobs done while the block runs."""
    tasks = [asyncio.create_task(_repeat(job), name=job.name) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(job: Job) -> None:
    while True:
        await asyncio.sleep(job.every)
        try:
            await job.run()
        # The outermost edge of a task: a fault in one round must not end all later ones.
        except Exception:
            logger.exception("%s failed; next try in %.0f s", job.name, job.every)
