"""The database itself refuses to change the trail, also to this program."""

import pytest

from gatelodge.audit.event import Event
from gatelodge.audit.trail import Trail
from gatelodge.storage.database import Database
from gatelodge.storage.errors import Conflict, StorageFault

INSERT = "INTO audit_log SELECT * FROM audit_log WHERE seq = 2"
CHANGES = [
    "UPDATE audit_log SET actor = 'x' WHERE seq = 2",
    "UPDATE audit_log SET seq = 9 WHERE seq = 2",
    "DELETE FROM audit_log WHERE seq = 2",
    "DELETE FROM audit_log",
    "DELETE FROM audit_head",
    "UPDATE audit_head SET seq = 2",
    "UPDATE audit_head SET first_seq = first_seq - 1",
    "UPDATE audit_head SET first_seq = 99",
    f"INSERT {INSERT}",
]
OF_ONE = {
    "sqlite": [f"INSERT OR REPLACE {INSERT}", "INSERT OR REPLACE INTO audit_head VALUES (1, 0, '', 1, '')"],
    "postgresql": ["TRUNCATE audit_log", "TRUNCATE audit_head"],
}


@pytest.fixture
async def filled(trail: Trail) -> Trail:
    for number in range(3):
        await trail.record(Event("tool.call", "system", {"number": number}))
    return trail


@pytest.mark.parametrize("statement", [*CHANGES, 0, 1])
async def test_a_change_is_refused(filled: Trail, database: Database, statement: str | int) -> None:
    sql = statement if isinstance(statement, str) else OF_ONE[database.dialect][statement]
    with pytest.raises((StorageFault, Conflict)):
        async with database.transaction() as transaction:
            await transaction.execute(sql)
    verdict = await filled.verify()
    assert verdict.whole
    assert verdict.checked == 3
