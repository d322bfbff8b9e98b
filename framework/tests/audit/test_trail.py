"""What is recorded is durable and can be found; what is queued is neither lost nor doubled."""

import asyncio
import gc
import time
from collections.abc import Sequence

import pytest
from racing import Racer, recording
from tampering import without_triggers

from gatelodge.audit.chain import Anchor
from gatelodge.audit.errors import TrailBroken
from gatelodge.audit.event import Event
from gatelodge.audit.trail import NoTrail, Trail
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, Transaction, open_database
from gatelodge.storage.errors import StorageUnavailable
from gatelodge.storage.migrations import migrate
from gatelodge.testing.clock import ManualClock


def event(number: int = 0, kind: str = "vault.set", actor: str = "system") -> Event:
    return Event(kind, actor, {"number": number, "text": "é'\"", "flag": True, "none": None}, "refused", "rule", "r1")


async def numbers(trail: Trail | NoTrail) -> list[object]:
    return [recorded.event.subject["number"] async for recorded in trail.search(limit=5000)]


async def test_an_event_comes_back_as_it_was(trail: Trail, clock: ManualClock) -> None:
    await trail.record(event(7))
    found = [recorded async for recorded in trail.search(limit=5000)]
    assert [(one.seq, one.at, one.event) for one in found] == [(1, clock.now(), event(7))]


async def test_an_event_shares_the_fate_of_its_transaction(trail: Trail, database: Database) -> None:
    async def change(*, fails: bool) -> None:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO leases VALUES ('a', 'b', 1, 1)")
            await trail.record(event(), tx=transaction)
            if fails:
                raise KeyError

    with pytest.raises(KeyError):
        await change(fails=True)
    assert await numbers(trail) == []
    await change(fails=False)
    assert await numbers(trail) == [0]
    assert (await trail.verify()).whole


async def test_many_at_once_make_one_chain(trail: Trail) -> None:
    await asyncio.gather(*(trail.record(event(number)) for number in range(40)))
    verdict = await trail.verify()
    assert verdict.whole
    assert verdict.checked == 40
    assert sorted(str(number) for number in await numbers(trail)) == sorted(str(number) for number in range(40))


async def test_events_that_come_at_once_share_commits(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    commits, real = list[bool](), Transaction.commit

    async def commit(self: Transaction) -> None:
        commits.append(True)
        await real(self)

    monkeypatch.setattr(Transaction, "commit", commit)
    await asyncio.gather(*(trail.record(event(number)) for number in range(40)))
    assert len(await numbers(trail)) == 40
    # Two: some servers begin so fast that not all have come.
    assert len(commits) <= 2


async def test_who_gives_up_takes_nothing_from_those_who_share_its_commit(trail: Trail) -> None:
    first, second = (asyncio.create_task(trail.record(event(number))) for number in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert 1 in await numbers(trail)
    assert (await trail.verify()).whole


async def test_a_commit_that_fails_is_told_to_each_and_the_next_one_works(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def append(*_: object) -> Anchor:
        raise StorageUnavailable("away", hint="wait")

    with monkeypatch.context() as away:
        away.setattr(Trail, "_append", append)
        told = await asyncio.gather(*(trail.record(event(number)) for number in range(3)), return_exceptions=True)
    assert [type(error) for error in told] == [StorageUnavailable] * 3
    await trail.record(event(7))
    assert await numbers(trail) == [7]


async def test_many_processes_make_one_chain(database_config: DatabaseConfig) -> None:
    database = await open_database(database_config)
    await migrate(database)
    racers = [Racer(recording, database_config.dsn, f"operator:p{number}") for number in range(3)]
    for racer in racers:
        racer.go()
    for racer in racers:
        racer.finish()
    verdict = await Trail(database, ManualClock()).verify()
    assert verdict.whole
    assert verdict.checked == 75
    await database.aclose()


async def test_what_is_noted_is_kept_by_itself_and_in_order(trail: Trail, database: Database) -> None:
    for number in range(1200):
        trail.note(event(number))
    for _ in range(2000):
        async with database.reading() as transaction:
            row = await transaction.one("SELECT count(*) AS kept FROM audit_log")
        assert row is not None
        if row["kept"] == 1200:
            break
        await asyncio.sleep(0.01)
    assert await numbers(trail) == list(range(1200))
    await trail.aclose()
    assert (await trail.verify()).checked == 1200


async def test_noting_costs_microseconds(trail: Trail) -> None:
    noted, best = event(), float("inf")
    gc.disable()
    for _ in range(50):
        before = time.perf_counter()
        for _ in range(20):
            trail.note(noted)
        best = min(best, (time.perf_counter() - before) / 20)
    gc.enable()
    await trail.aclose()
    # The best of 50 rounds, so that a busy machine does not decide; a commit takes 20 times as long.
    assert best < 50e-6


async def test_closing_keeps_what_is_queued_and_takes_no_more(trail: Trail) -> None:
    trail.note(event(1))
    await trail.aclose()
    assert await numbers(trail) == [1]
    with pytest.raises(StorageUnavailable, match="closed"):
        trail.note(event(2))


async def test_closing_lets_a_group_end_that_is_being_kept(
    trail: Trail, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    appending, real, cut_off = asyncio.Event(), Trail._append, list[bool]()

    async def append(self: Trail, transaction: Transaction, events: Sequence[tuple[Event, float]]) -> Anchor:
        appending.set()
        try:
            await asyncio.sleep(0.01)
            return await real(self, transaction, events)
        except asyncio.CancelledError:
            cut_off.append(True)
            raise

    monkeypatch.setattr(Trail, "_append", append)
    busy = Trail(database, clock, window=0)
    for number in range(3):
        busy.note(event(number))
    await appending.wait()
    await busy.aclose()
    assert cut_off == []
    assert await numbers(trail) == [0, 1, 2]
    assert (await trail.verify()).whole


async def test_closing_at_any_moment_ends_without_an_error(
    trail: Trail, database: Database, clock: ManualClock
) -> None:
    for turn in range(40):
        busy = Trail(database, clock, window=0)
        busy.note(event(turn))
        for _ in range(turn * 3):
            await asyncio.sleep(0)
        await busy.aclose()
    assert await numbers(trail) == list(range(40))


async def test_a_group_is_kept_by_itself_however_much_comes_meanwhile(database: Database, clock: ManualClock) -> None:
    busy = Trail(database, clock, window=3600)
    busy.note(event(0))

    async def chatter() -> None:
        # Fewer than the queue takes, however slow the disk is.
        for number in range(1, 3000):
            busy.note(event(number))
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    talking = asyncio.create_task(chatter())
    try:
        # One that went after what comes would write group after group.
        await asyncio.wait_for(busy.flush(), 60)
        assert len(await numbers(busy)) < 10
    finally:
        talking.cancel()
        await asyncio.wait([talking])
    assert talking.cancelled()
    await busy.aclose()


async def test_closing_does_not_wait_for_the_window(trail: Trail, database: Database, clock: ManualClock) -> None:
    slow = Trail(database, clock, window=3600)
    slow.note(event(1))
    await asyncio.wait_for(slow.aclose(), 60)
    assert await numbers(trail) == [1]


async def test_what_has_happened_is_taken_by_a_full_queue_and_is_no_error_for_a_closed_one(
    trail: Trail, database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    small = Trail(database, clock, queue=1, window=60)
    for number in range(3):
        small.note(event(number), done=True)
    with pytest.raises(StorageUnavailable, match="full"):
        small.note(event(3))
    await small.aclose()
    assert await numbers(trail) == [0, 1, 2]
    small.note(event(4), done=True)
    assert "lacks: vault.set by system" in caplog.text


async def test_a_full_queue_says_so_and_loses_nothing(trail: Trail, database: Database, clock: ManualClock) -> None:
    small = Trail(database, clock, queue=3, window=60)
    for number in range(3):
        small.note(event(number))
    with pytest.raises(StorageUnavailable, match=r"full \(3 events\)"):
        small.note(event(3))
    await small.flush()
    small.note(event(4))
    await small.aclose()
    assert await numbers(small) == [0, 1, 2, 4]


async def test_events_wait_for_a_database_that_is_away(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, away = Transaction.begin, True

    async def begin(transaction: Transaction) -> None:
        if away:
            raise StorageUnavailable("The database is away.")
        await real(transaction)

    monkeypatch.setattr("gatelodge.audit.trail._RETRY", 0.01)
    monkeypatch.setattr(Transaction, "begin", begin)
    trail.note(event(1))
    for _ in range(1000):
        if "1 audit events wait" in caplog.text:
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("nobody was told")
    with pytest.raises(StorageUnavailable):
        await trail.flush()
    away = False
    await trail.aclose()
    assert await numbers(trail) == [1]


@pytest.mark.parametrize("kept", [True, False])
async def test_a_commit_of_unknown_end_neither_loses_nor_doubles(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    real = Transaction.commit

    async def commit(transaction: Transaction) -> None:
        monkeypatch.setattr(Transaction, "commit", real)
        if kept:
            await real(transaction)
        raise StorageUnavailable("The connection is lost.", outcome="unknown")

    for number in range(3):
        trail.note(event(number))
    monkeypatch.setattr(Transaction, "commit", commit)
    with pytest.raises(StorageUnavailable):
        await trail.flush()
    await trail.aclose()
    assert await numbers(trail) == [0, 1, 2]


async def test_a_flush_that_is_cancelled_anywhere_neither_loses_nor_doubles(trail: Trail) -> None:
    for number in range(40):
        trail.note(event(number))
        task = asyncio.create_task(trail.flush())
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    await trail.aclose()
    assert await numbers(trail) == list(range(40))
    assert (await trail.verify()).whole


async def test_search_finds_by_kind_actor_and_time(trail: Trail, clock: ManualClock) -> None:
    start = clock.now()
    for number, kind in enumerate(["vault.set", "vault.get", "vault.set", "tool.call"]):
        await trail.record(event(number, kind, f"operator:{number % 2}"))
        clock.advance(10)

    async def found(**wanted: object) -> list[object]:
        return [one.event.subject["number"] async for one in trail.search(**wanted)]  # type: ignore[arg-type]

    assert await found(kinds=["vault.set", "tool.call"]) == [0, 2, 3]
    assert await found(kinds=[]) == []
    assert await found(actor="operator:1") == [1, 3]
    assert await found(since=start + 10, until=start + 30) == [1, 2]
    assert await found(kinds=["vault.set"], actor="operator:0", since=start + 1, limit=5) == [2]
    assert await found(limit=3) == [0, 1, 2]
    assert await found(limit=0) == []


async def test_a_row_that_is_no_event_is_named(trail: Trail, database: Database) -> None:
    await trail.record(event())
    await without_triggers(database)
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE audit_log SET subject = 'no json'")
    with pytest.raises(TrailBroken, match="Row 1"):
        await numbers(trail)


async def test_nothing_is_appended_to_a_trail_without_its_head(trail: Trail, database: Database) -> None:
    await without_triggers(database)
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM audit_head")
    with pytest.raises(TrailBroken, match="head row"):
        await trail.record(event())


async def test_a_trail_that_keeps_nothing_takes_everything() -> None:
    trail = NoTrail()
    await trail.record(event())
    trail.note(event())
    await trail.flush()
    await trail.aclose()
    assert await numbers(trail) == []
    assert (await trail.verify(Anchor(0, ""))).whole
    assert await trail.anchor() == Anchor(0, "")
