"""Work beside requests goes on after a fault and ends with its server."""

import asyncio

import pytest

from gatelodge.app import chores
from gatelodge.app.chores import every
from gatelodge.storage.errors import StorageUnavailable


@pytest.mark.parametrize("fault", [StorageUnavailable("the disk is full"), ValueError("a bug")])
async def test_a_round_that_fails_is_told_and_followed_by_the_next(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chores, "_AGAIN", 0.0)
    rounds, enough = 0, asyncio.Event()

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise fault
        enough.set()

    async with every(0.0, "the work", work):
        await enough.wait()
    assert "the work failed" in caplog.text
    done = rounds
    await asyncio.sleep(0)
    assert rounds == done


async def test_a_stop_waits_for_no_pause() -> None:
    began = asyncio.Event()

    async def work() -> None:
        began.set()

    async with asyncio.timeout(60), every(3600, "the work", work):
        await began.wait()
