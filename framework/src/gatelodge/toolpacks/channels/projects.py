"""The Jira project of each Slack channel, kept for each workspace and shared by its users.

Invariant: this gives nobody access to anything: whoever uses an entry does so with an own account at both ends.
"""

from dataclasses import dataclass

from gatelodge.core.clock import Clock, SystemClock
from gatelodge.storage.database import Database, Row

__all__ = ["ChannelProject", "ChannelProjects", "Workspace"]

_COLUMNS = "channel, project, site, set_at"
_PLACE = "tenant = :tenant AND workspace = :workspace"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Slack workspace (``T…``) as the users of one issuer see it."""

    tenant: str
    id: str


@dataclass(frozen=True, slots=True)
class ChannelProject:
    """An entry; ``site`` is Jira's cloud id, ``set_at`` in seconds since the epoch."""

    channel: str
    project: str
    site: str
    set_at: float


class ChannelProjects:
    """The entries, in the server's database."""

    def __init__(self, db: Database, clock: Clock | None = None) -> None:
        self._db = db
        self._clock = clock or SystemClock()

    async def set(self, workspace: Workspace, channel: str, project: str, site: str, *, by: str) -> None:
        """Set or replace a channel's entry; ``by`` is the subject of who does it."""
        async with self._db.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO slack_channel_projects (tenant, workspace, channel, project, site, set_by, set_at)"
                " VALUES (:tenant, :workspace, :channel, :project, :site, :set_by, :set_at)"
                " ON CONFLICT (tenant, workspace, channel) DO UPDATE SET project = excluded.project,"
                " site = excluded.site, set_by = excluded.set_by, set_at = excluded.set_at",
                tenant=workspace.tenant,
                workspace=workspace.id,
                channel=channel,
                project=project,
                site=site,
                set_by=by,
                set_at=self._clock.now(),
            )

    async def get(self, workspace: Workspace, channel: str) -> ChannelProject | None:
        """A channel's entry."""
        sql = f"SELECT {_COLUMNS} FROM slack_channel_projects WHERE {_PLACE} AND channel = :channel"  # noqa: S608 - our own words
        row = await self._db.row(sql, tenant=workspace.tenant, workspace=workspace.id, channel=channel)
        return None if row is None else _entry(row)

    async def list(self, workspace: Workspace, *, after: str = "", limit: int = 100) -> list[ChannelProject]:
        """Entries of a workspace by channel, from behind the channel ``after``."""
        sql = (
            f"SELECT {_COLUMNS} FROM slack_channel_projects WHERE {_PLACE} AND channel > :after"  # noqa: S608 - our own words
            " ORDER BY channel LIMIT :limit"
        )
        rows = await self._db.rows(sql, tenant=workspace.tenant, workspace=workspace.id, after=after, limit=limit)
        return [_entry(row) for row in rows]

    async def remove(self, workspace: Workspace, channel: str) -> bool:
        """Remove a channel's entry; false when there was none."""
        sql = f"DELETE FROM slack_channel_projects WHERE {_PLACE} AND channel = :channel"  # noqa: S608 - our own words
        async with self._db.transaction() as transaction:
            return await transaction.execute(sql, tenant=workspace.tenant, workspace=workspace.id, channel=channel) > 0


def _entry(row: Row) -> ChannelProject:
    return ChannelProject(row["channel"], row["project"], row["site"], row["set_at"])
