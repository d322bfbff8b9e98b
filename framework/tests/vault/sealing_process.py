"""A program: a server's store on a database, told by lines what to do; one line of JSON for each.

``sealing_process.py DATABASE_URL KEY_FILE [env]``: with ``env`` the key is read once, as from the environment.
"""

import asyncio
import json
import sys
from pathlib import Path

from vaults import TENANT

from gatelodge.audit.trail import Trail
from gatelodge.core.clock import SystemClock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.vault.key_source import read_key_file
from gatelodge.vault.owner import Owner
from gatelodge.vault.sql_store import SqlTokenStore


async def main(url: str, file: Path, *, fixed: bool) -> None:
    """Serve lines until the input ends."""
    db, clock = await open_database(DatabaseConfig(url)), SystemClock()
    trail = Trail(db, clock)
    reload = None if fixed else (lambda: read_key_file(file))
    store = SqlTokenStore(db, read_key_file(file), trail, clock, reload=reload)
    say({"ready": True})
    while line := await asyncio.to_thread(sys.stdin.readline):
        what, name = line.split()
        try:
            say({"done": await done(store, db, what, Owner(TENANT, name, "github"))})
        except GatelodgeError as error:
            say({"refused": type(error).__name__, "hint": error.hint})
    await trail.aclose()
    await db.aclose()


async def done(store: SqlTokenStore, db: Database, what: str, owner: Owner) -> str | None:
    """``put``, ``begin`` or ``finish`` a refresh: the key it is sealed by; ``open``: the token."""
    if what == "open":
        opened = await store.open(owner, actor="user:a", purpose="a call")
        return None if opened is None else opened.secrets["access_token"].reveal()
    if what == "put":
        await store.put(owner, {"access_token": Secret(owner.user)}, actor="user:a")
    if what == "refresh":
        record = await store.look(owner)
        assert record is not None
        lease = await store.begin_refresh(owner, record.version, holder="h", lease_seconds=30)
        assert lease is not None
        await store.finish_refresh(lease, {"access_token": Secret(owner.user)}, expires_at=None)
    row = await db.row(
        "SELECT k.kek_id FROM data_keys k JOIN tokens t ON t.id = k.token_id WHERE t.user_id = :user", user=owner.user
    )
    return None if row is None else str(row["kek_id"])


def say(answer: object) -> None:
    """One line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), fixed="env" in sys.argv[3:]))
