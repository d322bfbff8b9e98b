"""The PostgreSQL engine: a pool with limits in time and number, and the checks of a server before it is used."""

from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.errors import StorageFault

__all__ = ["DRIVER_ERRORS", "check", "make_engines"]

DRIVER_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_OLDEST = 15
_NOT_DURABLE = ("off", "local")
_IDLE = "60s"
_RECYCLE = 1800


def make_engines(config: DatabaseConfig) -> tuple[AsyncEngine, AsyncEngine, AsyncEngine]:
    """Engines for writing, for reading and for single statements without a transaction; they share one pool."""
    # The driver reads the URL itself, with libpq's TLS options (sslmode, sslrootcert, sslcert, sslkey).
    dsn = "postgresql://" + config.dsn.partition("://")[2]

    async def connect() -> Any:
        return await asyncpg.connect(
            dsn,
            timeout=config.connect_timeout,
            # The server's limit comes first and leaves a usable connection; this one is for a server that is gone.
            command_timeout=config.command_timeout + 5,
            server_settings={
                "application_name": "gatelodge",
                "statement_timeout": _milliseconds(config.command_timeout),
                "lock_timeout": _milliseconds(config.busy_timeout),
                "idle_in_transaction_session_timeout": _IDLE,
            },
        )

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=config.pool_min,
        max_overflow=config.pool_max - config.pool_min,
        pool_timeout=config.busy_timeout,
        pool_pre_ping=True,
        pool_recycle=_RECYCLE,
        # The pool's own: its ping before each use is one round trip so, and three with a transaction around it.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )
    writing = engine.execution_options(isolation_level="READ COMMITTED")
    return writing, writing.execution_options(postgresql_readonly=True), engine


async def check(engine: AsyncEngine, place: str) -> None:
    """Refuse a server that is too old or may lose commits.

    Raises: StorageFault, with the setting to change.
    """
    async with engine.connect() as connection:
        version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
        durable = str((await connection.execute(text("SHOW synchronous_commit"))).scalar_one())
    if version // 10_000 < _OLDEST:
        raise StorageFault(
            f"{place} is PostgreSQL {version // 10_000}; at least {_OLDEST} is needed.", hint="Upgrade the server."
        )
    if durable in _NOT_DURABLE:
        raise StorageFault(
            f"{place} has synchronous_commit={durable}: commits could be lost.", hint="Set synchronous_commit=on."
        )


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
