"""The audit trail as somebody finds it who may alter tables: without what keeps others from changing it."""

from gatelodge.storage.database import Database

__all__ = ["without_triggers"]

_NAMES = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit_%'",
    "postgresql": "SELECT DISTINCT trigger_name AS name, event_object_table AS tbl_name"
    " FROM information_schema.triggers WHERE event_object_table LIKE 'audit_%'",
}


async def without_triggers(database: Database) -> None:
    """Drop the triggers of the trail."""
    found = await database.rows(_NAMES[database.dialect])
    async with database.transaction() as transaction:
        for row in found:
            where = f" ON {row['tbl_name']}" if database.dialect == "postgresql" else ""
            await transaction.execute(f"DROP TRIGGER {row['name']}{where}")
        if database.dialect == "postgresql":
            # Not listed above: it is for statements.
            for table in ("audit_log", "audit_head"):
                await transaction.execute(f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}")
