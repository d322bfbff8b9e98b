"""A trail on a fresh database of either kind."""

import pytest
from databases import database, postgres
from databases import migrated_config as database_config

from gatelodge.audit.trail import Trail
from gatelodge.storage.database import Database
from gatelodge.storage.migrations import migrate
from gatelodge.testing.clock import ManualClock

__all__ = ["database", "database_config", "postgres"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def trail(database: Database, clock: ManualClock) -> Trail:
    """An empty trail; its queue is not closed by the fixture, tests that note() do that."""
    await migrate(database)
    return Trail(database, clock, window=0.01)
