"""A process that commits through our database and acknowledges each commit: ``committer.py FILE COMMITS SYNCHRONOUS``.

It writes one line to the file ``acks`` beside the database's folder after each transaction: its number and ``kept``, or
the number, the error and what that said of the outcome.
"""

import asyncio
import hashlib
import os
import sys
from pathlib import Path

from gatelodge.core.errors import GatelodgeError
from gatelodge.storage import sqlite
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database

__all__ = ["payload"]

_LEVELS = {"FULL": 2, "NORMAL": 1, "OFF": 0}


def payload(number: int) -> bytes:
    """What row ``number`` holds: of 32 to about 6,000 bytes, so that commits differ in pages."""
    seed = hashlib.sha256(str(number).encode()).digest()
    return seed * (1 + (seed[0] * seed[1]) % 190)


async def _commit(database: Database, number: int) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO things (number, data) VALUES (:number, :data)", number=number, data=payload(number)
        )
        await transaction.execute("UPDATE newest SET number = :number", number=number)


async def _main(file: str, commits: int, level: str) -> None:
    if level != "FULL":  # the negative control: what the database refuses by itself
        sqlite._SETTINGS = (f"PRAGMA synchronous={level}", *sqlite._SETTINGS[1:])
        sqlite._FULL = _LEVELS[level]
    database = await open_database(DatabaseConfig(f"sqlite:///{file}", busy_timeout=2.0))
    acks = os.open(Path(file).parent.parent / "acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE IF NOT EXISTS things (number BIGINT PRIMARY KEY, data BLOB)")
        await transaction.execute("CREATE TABLE IF NOT EXISTS newest (number BIGINT)")
        await transaction.execute("INSERT INTO newest SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM newest)")
        # Small, so that the log is moved into the file many times.
        await transaction.one("PRAGMA wal_autocheckpoint=40")
    os.write(acks, b"0 kept\n")
    for number in range(1, commits + 1):
        try:
            await _commit(database, number)
            line = f"{number} kept"
        except GatelodgeError as error:
            line = f"{number} {type(error).__name__} {getattr(error, 'outcome', '-')}"
        os.write(acks, f"{line}\n".encode())
    await database.aclose()
    os.write(acks, b"end\n")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
