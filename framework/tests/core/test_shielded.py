"""Work that ends although its caller is cancelled."""

import asyncio

import pytest

from gatelodge.core.shielded import shielded


async def test_shielded_work_ends_before_a_cancellation_goes_on() -> None:
    entered, go, done = asyncio.Event(), asyncio.Event(), list[str]()

    async def commit() -> None:
        entered.set()
        await go.wait()
        done.append("kept")

    caller = asyncio.create_task(shielded(commit()))
    await entered.wait()
    caller.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done == ["kept"]


async def test_shielded_work_ends_before_a_second_cancellation_goes_on() -> None:
    entered, go, done = asyncio.Event(), asyncio.Event(), list[str]()

    async def commit() -> None:
        entered.set()
        await go.wait()
        done.append("kept")

    caller = asyncio.create_task(shielded(commit()))
    await entered.wait()
    for _ in range(2):
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done == ["kept"]
