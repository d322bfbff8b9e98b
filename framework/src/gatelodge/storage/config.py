"""Where the database is and how it is used: from a URL, or from the variables that PostgreSQL images know.

Invariant: the password is held as a ``Secret`` and shows in no error, no ``repr`` and no log line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, urlunsplit

from gatelodge.core.secret import Secret
from gatelodge.core.urls import service_parts
from gatelodge.storage.errors import DatabaseConfigInvalid

__all__ = ["DatabaseConfig", "default_url"]

_FORMS = "sqlite:////absolute/path.db or postgresql://user:password@host:5432/name"
_POSTGRES = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """One database. Times are in seconds.

    Raises: DatabaseConfigInvalid, when the URL is of another form or a number is out of range.
    """

    url: Secret | str
    pool_min: int = 2
    pool_max: int = 10
    busy_timeout: float = 10.0  # how long a writer waits for another, in this process or not
    connect_timeout: float = 10.0
    command_timeout: float = 30.0

    def __post_init__(self) -> None:
        if not isinstance(self.url, Secret):
            object.__setattr__(self, "url", Secret(self.url))
        _ = self.dialect
        if not 1 <= self.pool_min <= self.pool_max:
            raise DatabaseConfigInvalid("The pool needs 1 <= smallest <= largest size.")
        if min(self.busy_timeout, self.connect_timeout, self.command_timeout) <= 0:
            raise DatabaseConfigInvalid("The database timeouts must be greater than 0 seconds.")

    @property
    def dsn(self) -> str:
        """The URL itself, with its password: for the driver only."""
        return self.url.reveal() if isinstance(self.url, Secret) else self.url

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        """Which of the two databases the URL names."""
        scheme = self.dsn.partition("://")[0].partition("+")[0].lower()
        if scheme == "sqlite" and len(self.dsn) > len("sqlite:///"):
            return "sqlite"
        if scheme in _POSTGRES:
            return "postgresql"
        raise DatabaseConfigInvalid(f"GATELODGE_DATABASE_URL must be of the form {_FORMS}.")

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return Path(self.dsn.partition(":///")[2].partition("?")[0])

    @property
    def place(self) -> str:
        """Where the database is, in words without a password: for messages."""
        if self.dialect == "sqlite":
            return f"the SQLite file {self.path}"
        parts = service_parts(self.dsn)
        if parts is None:
            return "the PostgreSQL server of GATELODGE_DATABASE_URL"
        where = f"{parts.hostname or 'the local socket'}:{parts.port or 5432}"
        return f"the PostgreSQL database {parts.path.lstrip('/') or 'of that user'} at {where}"

    def check_url(self) -> None:
        """Refuse a PostgreSQL URL whose parts cannot be told apart.

        Raises: DatabaseConfigInvalid. A driver would repeat what it cannot read, and that is often the password.
        """
        if service_parts(self.dsn) is None:
            raise DatabaseConfigInvalid(
                "GATELODGE_DATABASE_URL cannot be read: no port, or a sign in user or password that a URL gives a meaning.",
                hint="Write / as %2F, # as %23, ? as %3F, [ as %5B and @ as %40: postgresql://user:pass%2Fword@host/name.",
            )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, state_dir: Path) -> Self:
        """GATELODGE_DATABASE_URL (or its _FILE), else POSTGRES_*, else SQLite in the state folder.

        Raises: DatabaseConfigInvalid, naming the variable that is missing or cannot be used.
        """
        url = _value(environ, "GATELODGE_DATABASE_URL")
        if url is None and environ.get("POSTGRES_HOST"):
            url = _postgres_url(environ)
        return cls(Secret(url or default_url(state_dir)))


def default_url(state_dir: Path) -> str:
    """The SQLite database of a state folder; it has a folder of its own, open to this user only."""
    return f"sqlite:///{state_dir.resolve() / 'database' / 'gatelodge.db'}"


def _postgres_url(environ: Mapping[str, str]) -> str:
    user, password = environ.get("POSTGRES_USER") or "postgres", _value(environ, "POSTGRES_PASSWORD")
    if password is None:
        raise DatabaseConfigInvalid("POSTGRES_HOST is set, but neither POSTGRES_PASSWORD nor POSTGRES_PASSWORD_FILE.")
    port = environ.get("POSTGRES_PORT") or "5432"
    if not port.isascii() or not port.isdigit():
        raise DatabaseConfigInvalid("POSTGRES_PORT must be a number.")
    host = environ["POSTGRES_HOST"]
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(("postgresql", f"{login}@{place}", "/" + quote(environ.get("POSTGRES_DB") or user), "", ""))


def _value(environ: Mapping[str, str], name: str) -> str | None:
    direct, file = environ.get(name), environ.get(f"{name}_FILE")
    if direct and file:
        raise DatabaseConfigInvalid(f"Set {name} or {name}_FILE, not both.")
    if not file:
        return direct or None
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DatabaseConfigInvalid(f"The file named by {name}_FILE cannot be read: {type(error).__name__}.") from error
    if not text:
        raise DatabaseConfigInvalid(f"The file named by {name}_FILE is empty.")
    return text
