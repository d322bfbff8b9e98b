"""Work that ends although nobody waits for it any more."""

import asyncio

import pytest

from gatelodge.connections.flights import Flights


async def test_an_error_of_work_without_waiters_is_nobodys_surprise() -> None:
    flights, entered, go = Flights[str, None](), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        entered.set()
        await go.wait()
        raise ValueError("work")

    caller = asyncio.create_task(flights.join("key", work))
    await entered.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()
    await flights.aclose()
