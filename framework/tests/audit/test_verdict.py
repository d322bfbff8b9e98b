"""Whatever is done to the rows of a trail shows, and where."""
# ruff: noqa: S608 - the statements are built from numbers of this file

import hashlib

import pytest
from tampering import without_triggers

from gatelodge.audit import chain
from gatelodge.audit.chain import Anchor, link
from gatelodge.audit.event import Event
from gatelodge.audit.trail import Trail
from gatelodge.audit.verdict import Verdict
from gatelodge.storage.database import Database

ROWS = 8
FILL = (
    "INSERT INTO audit_log (seq, at, kind, actor, subject, outcome, rule, request_id, previous, digest) VALUES"
    " (:seq, :at, :kind, :actor, :subject, :outcome, :rule, :request_id, :previous, :digest)"
)


@pytest.fixture
async def filled(trail: Trail) -> Trail:
    for number in range(ROWS):
        await trail.record(Event("tool.call", "system", {"number": number}, rule="r", request_id="q"))
    return trail


async def change(database: Database, *statements: str) -> None:
    """What somebody does who may alter tables."""
    await without_triggers(database)
    async with database.transaction() as transaction:
        for statement in statements:
            await transaction.execute(statement)


async def test_an_untouched_trail_is_whole(filled: Trail) -> None:
    assert await filled.verify() == Verdict(ROWS)
    assert await filled.verify(await filled.anchor()) == Verdict(ROWS)


async def test_an_empty_trail_is_whole(trail: Trail) -> None:
    assert await trail.verify() == Verdict(0)


@pytest.mark.parametrize(
    "column",
    [
        "at = at + 1",
        "kind = 'vault.set'",
        "actor = 'x'",
        "subject = '{}'",
        "outcome = 'failed'",
        "rule = NULL",
        "request_id = ''",
    ],
)
@pytest.mark.parametrize("seq", [1, 4, ROWS])
async def test_a_changed_column_shows(filled: Trail, database: Database, column: str, seq: int) -> None:
    await change(database, f"UPDATE audit_log SET {column} WHERE seq = {seq}")
    assert await filled.verify() == Verdict(seq - 1, seq, "the row was changed")


@pytest.mark.parametrize("seq", [1, 4])
async def test_a_removed_row_shows(filled: Trail, database: Database, seq: int) -> None:
    await change(database, f"DELETE FROM audit_log WHERE seq = {seq}")
    verdict = await filled.verify()
    assert (verdict.checked, verdict.broken) == (seq - 1, seq)


async def test_a_removed_row_shows_when_the_others_move_up(filled: Trail, database: Database) -> None:
    await change(
        database,
        "DELETE FROM audit_log WHERE seq = 4",
        *(f"UPDATE audit_log SET seq = {seq - 1} WHERE seq = {seq}" for seq in range(5, ROWS + 1)),
        f"UPDATE audit_head SET seq = {ROWS - 1}",
    )
    assert await filled.verify() == Verdict(3, 4, "the row does not follow the one before it")


async def test_rows_that_changed_places_show(filled: Trail, database: Database) -> None:
    await change(
        database,
        "UPDATE audit_log SET seq = 100 WHERE seq = 3",
        "UPDATE audit_log SET seq = 3 WHERE seq = 4",
        "UPDATE audit_log SET seq = 4 WHERE seq = 100",
    )
    assert (await filled.verify()).broken == 3


@pytest.mark.parametrize("seq", [-5, 0, ROWS + 5])
async def test_an_inserted_row_shows(filled: Trail, database: Database, seq: int) -> None:
    await change(
        database, f"INSERT INTO audit_log VALUES ({seq}, 1, 'tool.call', 'x', '{{}}', 'ok', NULL, NULL, '', '')"
    )
    assert (await filled.verify()).broken == (1 if seq < 1 else ROWS + 1)


async def test_a_well_linked_row_after_the_end_shows(filled: Trail, database: Database) -> None:
    forged = link(Event("tool.call", "system"), await filled.anchor(), 1.0)
    async with database.transaction() as transaction:
        await transaction.execute(FILL, **forged)
    assert await filled.verify() == Verdict(ROWS + 1, ROWS + 1, "the row is beyond the head row: it was inserted")


async def test_an_end_that_was_cut_off_shows_against_the_head(filled: Trail, database: Database) -> None:
    await change(database, "DELETE FROM audit_log WHERE seq > 5")
    assert await filled.verify() == Verdict(5, 6, f"the rows up to {ROWS} are missing: the end was cut off")


async def cut_with_its_head(database: Database) -> None:
    await change(
        database,
        "DELETE FROM audit_log WHERE seq > 5",
        "UPDATE audit_head SET seq = 5, digest = (SELECT digest FROM audit_log WHERE seq = 5)",
    )


async def test_an_end_cut_off_with_its_head_shows_against_an_anchor_only(filled: Trail, database: Database) -> None:
    anchor = await filled.anchor()
    await cut_with_its_head(database)
    assert (await filled.verify()).whole  # what cannot be found without an anchor
    assert (await filled.verify(anchor)).broken == 6


async def test_a_chain_written_anew_shows_against_an_anchor_only(filled: Trail, database: Database) -> None:
    anchor = await filled.anchor()
    await cut_with_its_head(database)
    for number in range(ROWS):
        await filled.record(Event("tool.call", "system", {"forged": number}))
    assert (await filled.verify()).whole  # what cannot be found without an anchor
    verdict = await filled.verify(anchor)
    assert verdict.broken == ROWS
    assert "written anew" in str(verdict.why)


async def test_another_digest_in_the_head_shows(filled: Trail, database: Database) -> None:
    await change(database, "UPDATE audit_head SET digest = 'x'")
    assert await filled.verify() == Verdict(ROWS - 1, ROWS, "the head row names another digest")


async def test_a_missing_head_shows(filled: Trail, database: Database) -> None:
    await change(database, "DELETE FROM audit_head")
    assert await filled.verify() == Verdict(0, 1, "the head row is missing")


async def test_a_check_that_looks_at_less_would_miss_it(
    filled: Trail, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without the column in the digest the change passes."""
    names = tuple(name for name in chain._COVERED if name != "actor")
    monkeypatch.setattr(chain, "_COVERED", names)
    await change(database, "DELETE FROM audit_log", "UPDATE audit_head SET seq = 0, digest = ''")
    await filled.record(Event("tool.call", "system"))
    await change(database, "UPDATE audit_log SET actor = 'x'")
    assert (await filled.verify()).whole


def test_an_anchor_is_read_back_as_it_was_written() -> None:
    anchor = Anchor(3, hashlib.sha256(b"x").hexdigest())
    assert Anchor.parse(f"{anchor}\n") == anchor
    for wrong in ("", "3", "3:xyz", f"x:{anchor.digest}", f"3:{anchor.digest[:-1]}Z"):
        with pytest.raises(ValueError, match=r"."):
            Anchor.parse(wrong)
