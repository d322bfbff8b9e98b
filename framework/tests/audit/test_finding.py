"""What is asked for is found, and nothing else."""

import pytest

from gatelodge.audit.event import Event
from gatelodge.audit.finding import Filter, latest, search
from gatelodge.audit.kinds import KINDS, kinds_like
from gatelodge.audit.trail import Trail
from gatelodge.storage.database import Database

HER, HIM = "user:" + "a" * 20, "user:" + "b" * 20


@pytest.fixture
async def filled(trail: Trail) -> Trail:
    await trail.record(Event("tool.call", HER, {"tool": "search"}, rule="granted"))
    await trail.record(Event("tool.call", HIM, {"tool": "search"}, "refused", rule="users"))
    await trail.record(Event("service.token", "service:app", {"owner": HER}))
    await trail.record(Event("session.open", HIM))
    return trail


async def found(database: Database, wanted: Filter, *, after: int = 0) -> list[int]:
    return [one.seq async for one in search(database, wanted, after=after)]


@pytest.mark.usefixtures("filled")
async def test_each_filter_finds_its_own(database: Database) -> None:
    assert await found(database, Filter()) == [1, 2, 3, 4]
    assert await found(database, Filter(), after=2) == [3, 4]
    assert await found(database, Filter(outcome="refused")) == [2]
    assert await found(database, Filter(actor=HER)) == [1]
    assert await found(database, Filter(whose=HER)) == [1, 3]
    assert await found(database, Filter(whose=HER, kinds=kinds_like("tool"))) == [1]
    assert await found(database, Filter(whose="user:%")) == []
    assert [one.seq for one in await latest(database, Filter(), 2)] == [3, 4]
    assert [one.seq for one in await latest(database, Filter(kinds=kinds_like("tool.*")), 1)] == [2]


def test_patterns_name_kinds() -> None:
    assert kinds_like("tool.call") == {"tool.call"}
    assert kinds_like("session") == {"session.open", "session.close"}
    assert kinds_like("*.refuse") == {"token.refuse", "registration.refuse", "request.refuse"}
    assert kinds_like("*") == KINDS
    assert kinds_like("nothing.*") == frozenset()
