"""One holder at a time, in one process and in many, and a late one is seen."""

import asyncio

import pytest
from racing import Racer, leasing

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.errors import Conflict
from gatelodge.storage.leases import Leases
from gatelodge.storage.migrations import migrate
from gatelodge.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def leases(database: Database, clock: ManualClock) -> Leases:
    await migrate(database)
    return Leases(database, clock)


async def test_one_of_many_gets_it(leases: Leases) -> None:
    got = await asyncio.gather(*(leases.acquire("job", f"h{n}", 10) for n in range(20)))
    assert len([lease for lease in got if lease]) == 1


async def test_the_fence_grows_with_every_holder_and_never_goes_back(leases: Leases, clock: ManualClock) -> None:
    fences = []
    for turn in range(3):
        lease = await leases.acquire("job", f"h{turn}", 10)
        assert lease is not None
        fences.append(lease.fence)
        if turn == 1:
            assert await leases.release(lease)
        else:
            clock.advance(10)
    assert fences == [1, 2, 3]


async def test_a_lease_that_ran_out_is_lost_to_the_next_holder(
    leases: Leases, database: Database, clock: ManualClock
) -> None:
    late = await leases.acquire("job", "a", 10)
    assert late is not None
    async with database.transaction() as transaction:
        assert await leases.held(late, transaction)
    clock.advance(11)
    async with database.transaction() as transaction:
        assert not await leases.held(late, transaction)
    taken = await leases.acquire("job", "b", 10)
    assert taken is not None
    assert not await leases.release(late)
    with pytest.raises(Conflict):
        await leases.renew(late, 10)
    async with database.transaction() as transaction:
        assert await leases.held(taken, transaction)


async def test_a_renewed_lease_lasts_longer(leases: Leases, clock: ManualClock) -> None:
    lease = await leases.acquire("job", "a", 10)
    assert lease is not None
    clock.advance(9)
    lease = await leases.renew(lease, 10)
    clock.advance(9)
    assert await leases.acquire("job", "b", 10) is None
    assert lease.fence == 1


async def test_names_do_not_disturb_each_other(leases: Leases) -> None:
    assert await leases.acquire("one", "a", 10)
    assert await leases.acquire("two", "a", 10)


async def test_no_one_takes_it_while_the_result_is_written(
    leases: Leases, database: Database, clock: ManualClock
) -> None:
    lease = await leases.acquire("job", "a", 10)
    assert lease is not None
    async with database.transaction() as transaction:
        assert await leases.held(lease, transaction)
        clock.advance(11)
        thief = asyncio.create_task(leases.acquire("job", "b", 10))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not thief.done()
    taken = await thief
    assert taken is not None
    assert taken.fence == 2


async def test_of_processes_one_gets_each(database_config: DatabaseConfig) -> None:
    database = await open_database(database_config)
    await migrate(database)
    await database.aclose()
    racers = [Racer(leasing, database_config.dsn, f"p{number}") for number in range(3)]
    for racer in racers:
        racer.go()
    won = [lease for racer in racers for lease in racer.finish()]
    assert sorted(won) == sorted(f"job-{turn} 1" for turn in range(20))
