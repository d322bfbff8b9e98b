"""Old events go from the start, the rest can be verified, and a start that went any other way shows."""

import pytest
from tampering import without_triggers

from gatelodge.audit import retention
from gatelodge.audit.chain import Anchor
from gatelodge.audit.errors import TrailBroken
from gatelodge.audit.event import Event
from gatelodge.audit.retention import DAY, prune
from gatelodge.audit.trail import Trail
from gatelodge.audit.verdict import Verdict
from gatelodge.storage.database import Database
from gatelodge.testing.clock import ManualClock


@pytest.fixture
async def aged(trail: Trail, clock: ManualClock) -> Trail:
    """Ten events, a day apart; the newest is of now."""
    for number in range(10):
        if number:
            clock.advance(DAY)
        await trail.record(Event("tool.call", "system", {"number": number}))
    return trail


async def kept(trail: Trail) -> list[tuple[int, str]]:
    return [(one.seq, one.event.kind) async for one in trail.search()]


async def test_what_is_older_goes_and_is_told(aged: Trail, database: Database, clock: ManualClock) -> None:
    assert await prune(database, aged, clock, days=3, actor="operator:me") == 6
    rows = [one async for one in aged.search()]
    assert [one.seq for one in rows] == [7, 8, 9, 10, 11]
    event = rows[-1].event
    assert (event.kind, event.actor, event.rule) == ("admin.trail", "operator:me", "retention")
    assert (event.subject["action"], event.subject["removed"], event.subject["first_seq"]) == ("prune", 6, 7)
    assert await aged.verify() == Verdict(5)


async def test_a_trail_is_pruned_again_and_again(aged: Trail, database: Database, clock: ManualClock) -> None:
    for _ in range(4):
        await prune(database, aged, clock, days=3)
        assert (await aged.verify()).whole
        clock.advance(2 * DAY)
    assert await prune(database, aged, clock, days=1000) == 0
    assert (await aged.verify(await aged.anchor())).whole


async def test_everything_may_be_old(
    aged: Trail, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 4)
    clock.advance(100 * DAY)
    assert await prune(database, aged, clock, days=3, by_clock=True) == 10
    assert await kept(aged) == [(11, "admin.trail"), (12, "admin.trail"), (13, "admin.trail")]
    assert (await aged.verify()).whole


async def test_a_clock_that_jumps_ahead_makes_no_trail_old(
    aged: Trail, database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where it is the first to look, nor after events were written by it, nor after it jumped back and again."""
    right = clock.now()
    wrong = ManualClock(right + 3650 * DAY)
    ahead = Trail(database, wrong)
    # The pause counts for two days, a quarter of the retention: of ten days' events those of seven stay, not none.
    assert await prune(database, aged, wrong, days=8) == 3
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith("7 events of the audit trail are kept although they are older than 8 days by the clock")
    assert "next step: look at the clock" in line
    await ahead.record(Event("tool.call", "system"))
    wrong.advance(DAY)
    await ahead.record(Event("tool.call", "system"))
    # Its own time counts from then on.
    assert await prune(database, ahead, wrong, days=8) == 1
    assert await prune(database, aged, clock, days=8) == 0
    wrong.advance(3650 * DAY)
    assert await prune(database, ahead, wrong, days=8) == 2
    assert (await kept(aged))[0] == (7, "tool.call")
    # Who looked at the clock may say so.
    assert await prune(database, ahead, wrong, days=8, by_clock=True) == 8
    assert (await aged.verify()).whole


async def test_a_pause_is_told_once_it_holds_something_back_and_ends_by_itself(
    aged: Trail, database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        clock.advance(6 * DAY)
        await aged.record(Event("tool.call", "system"))
    # Four pauses of six days count for two each.
    assert await prune(database, aged, clock, days=8) == 9
    assert "audit trail are kept" in caplog.text
    caplog.clear()
    for _ in range(9):
        clock.advance(DAY)
        await aged.record(Event("tool.call", "system"))
    assert await prune(database, aged, clock, days=8) > 0
    assert "audit trail are kept" not in caplog.text
    assert (await kept(aged))[0][0] > 13


async def test_a_clock_that_was_behind_once_holds_nothing_back(
    trail: Trail, database: Database, clock: ManualClock
) -> None:
    await Trail(database, ManualClock(0.0)).record(Event("tool.call", "system"))
    for _ in range(10):
        clock.advance(DAY)
        await trail.record(Event("tool.call", "system"))
    assert await prune(database, trail, clock, days=8) == 2


async def test_zero_days_keep_everything(aged: Trail, database: Database, clock: ManualClock) -> None:
    clock.advance(10_000 * DAY)
    assert await prune(database, aged, clock, days=0) == 0
    assert len(await kept(aged)) == 10


async def test_old_events_behind_a_young_one_stay(trail: Trail, database: Database, clock: ManualClock) -> None:
    clock.advance(50 * DAY)
    await trail.record(Event("tool.call", "system"))
    # Another machine's clock, wrong by far.
    await Trail(database, ManualClock()).record(Event("tool.call", "system"))
    assert await prune(database, trail, clock, days=3) == 0


async def test_a_start_that_went_without_a_pruning_shows(aged: Trail, database: Database, clock: ManualClock) -> None:
    await prune(database, aged, clock, days=8)
    row = await database.row("SELECT digest FROM audit_log WHERE seq = 4")
    assert row is not None
    await without_triggers(database)
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM audit_log WHERE seq < 5")
        await transaction.execute("UPDATE audit_head SET first_seq = 5, first_previous = :one", one=row["digest"])
    assert await aged.verify() == Verdict(0, 5, "the trail begins elsewhere than its last recorded pruning says")


async def test_rows_left_before_the_start_show(aged: Trail, database: Database) -> None:
    row = await database.row("SELECT digest FROM audit_log WHERE seq = 4")
    assert row is not None
    async with database.transaction() as transaction:
        # The triggers allow it; no event says so.
        await transaction.execute("UPDATE audit_head SET first_seq = 5, first_previous = :one", one=row["digest"])
    assert not (await aged.verify()).whole
    assert (await aged.verify()).broken == 5


async def test_what_is_broken_is_not_removed(aged: Trail, database: Database, clock: ManualClock) -> None:
    await without_triggers(database)
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE audit_log SET actor = 'x' WHERE seq = 2")
    with pytest.raises(TrailBroken, match=r"Row 2 .* was changed"):
        await prune(database, aged, clock, days=3)
    assert len(await kept(aged)) == 10


async def test_an_anchor_from_just_before_the_start_still_counts(
    aged: Trail, database: Database, clock: ManualClock
) -> None:
    row = await database.row("SELECT digest FROM audit_log WHERE seq = 6")
    assert row is not None
    await prune(database, aged, clock, days=3)
    assert (await aged.verify(Anchor(6, row["digest"]), Anchor(2, "0" * 64))).whole
    assert (await aged.verify(Anchor(6, "0" * 64))).broken == 7


async def test_a_pruning_that_was_made_up_shows(aged: Trail) -> None:
    """An event of a pruning that says nothing, or something else than the head row, moves no start."""
    await aged.record(Event("admin.trail", "system", {"action": "prune"}))
    assert (await aged.verify()).broken == 1
