"""Where the key-encryption keys come from: a setting, a file of mode 0600, or in development a file made here.

Invariant: production never makes a key; a key file is whole or not there (made aside, then linked or renamed into place).
"""

import asyncio
import base64
import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatelodge.vault.config import VaultConfig
from gatelodge.vault.envelope import Key
from gatelodge.vault.errors import VaultKeyUnusable
from gatelodge.vault.keyring import Keyring, key_from_bytes, read_keys

__all__ = [
    "change_key_file",
    "load_keyring",
    "make_key_file",
    "new_key",
    "read_again",
    "read_key_file",
    "write_key_file",
]

_SETTING = "GATELODGE_VAULT_KEY"
_log = logging.getLogger(__name__)


def load_keyring(config: VaultConfig) -> Keyring:
    """The keys, made first where development has none. Raises: VaultKeyUnusable."""
    if config.key is not None:
        return read_keys(config.key.reveal(), _SETTING)
    if config.key_file is not None:
        return read_key_file(config.key_file)
    if config.production:
        raise VaultKeyUnusable("production has no key for the vault: neither GATELODGE_VAULT_KEY nor its _FILE is set")
    make_key_file(config.own_key_file)
    return read_key_file(config.own_key_file)


async def read_again(reload: Callable[[], Keyring] | None) -> Keyring | None:
    """The keys as they are by now; None where they cannot be read again."""
    if reload is None:
        return None
    try:
        # The file may be on a slow mount.
        return await asyncio.to_thread(reload)
    except VaultKeyUnusable as error:
        _log.error("the vault's keys cannot be read again: %s", error.detail)
        return None


def read_key_file(path: Path) -> Keyring:
    """The keys of a file that only its owner can read. Raises: VaultKeyUnusable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise VaultKeyUnusable(
            f"the key file cannot be read: {error.strerror}: {path}",
            hint="Make it with `gatelodge vault init`, or bring the file that sealed the database.",
        ) from error
    try:
        # The mode of what was opened, not of what the path names by now.
        found = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(found) or found & 0o077:
            raise VaultKeyUnusable(
                f"the key file has mode {stat.S_IMODE(found):04o}, others than its owner may use it: {path}",
                hint=f"chmod 600 {path}, and change the key if it was like this for long (gatelodge vault rotate).",
            )
        text = os.read(descriptor, 65_536)
    finally:
        os.close(descriptor)
    return read_keys(text.decode("ascii", errors="replace"), f"the key file {path}")


def make_key_file(path: Path) -> bool:
    """A new key in ``path``, unless there is a file; whether one was made."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = _written_aside(path, [new_key()])
    try:
        # A link and no rename: of two first starts at once, one keeps its key and the other reads it.
        os.link(aside, path)
    except FileExistsError:
        return False
    finally:
        aside.unlink()
    _sync_folder(path.parent)
    return True


def write_key_file(path: Path, keys: Iterable[Key]) -> None:
    """Replace the keys of a file at once and for good, the first is primary."""
    _written_aside(path, keys).replace(path)
    _sync_folder(path.parent)


def change_key_file(path: Path, change: Callable[[tuple[Key, ...]], Iterable[Key]]) -> None:
    """Replace the keys by what ``change`` makes of them, one command at a time: none loses a key that another put there.

    Raises: VaultKeyUnusable.
    """
    with _locked(path):
        ring = read_key_file(path)
        write_key_file(path, change(tuple(key for key in map(ring.find, ring.ids) if key is not None)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A lock of this machine on a key file, kept beside it: the file itself is replaced."""
    aside = path.with_name(f".{path.name}.lock")
    try:
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise VaultKeyUnusable(
            f"the key file cannot be changed: {error.strerror}: {aside}", hint="Run this as the key file's owner."
        ) from error
    try:
        # Ends with the process that holds it, however that ends.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def new_key() -> Key:
    """A new random key."""
    return key_from_bytes(secrets.token_bytes(32), "the random source")


def _written_aside(path: Path, keys: Iterable[Key]) -> Path:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    text = "".join(base64.b64encode(key.secret).decode() + "\n" for key in keys)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    return aside


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
