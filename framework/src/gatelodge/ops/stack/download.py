"""Fetching the pinned Keycloak archive; nothing that fails the sha256 is ever left behind or unpacked."""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from jgo.maven import MavenContext

from gatelodge.ops.stack.failures import DownloadFailed, guarded_disk
from gatelodge.ops.stack.versions import KeycloakPin

__all__ = ["Fetch", "fetch_verified", "fetch_with_jgo"]

Fetch = Callable[[KeycloakPin, Path], Path]

_CHUNK = 1 << 20


def fetch_with_jgo(pin: KeycloakPin, folder: Path) -> Path:
    """Download the archive into ``folder`` with jgo, which knows where Maven artifacts are. Returns its path."""
    project = MavenContext(repo_cache=folder, timeout=30).project(pin.group, pin.artifact)
    return Path(project.at_version(pin.version).artifact(packaging=pin.packaging).resolve())


def fetch_verified(pin: KeycloakPin, folder: Path, *, fetch: Fetch = fetch_with_jgo) -> Path:
    """The archive with the pinned sha256, in a fresh ``folder``. Raises: DownloadFailed, DiskRefused."""
    name = f"Keycloak {pin.version}"
    # An earlier download that was cut off would be taken for a whole one.
    remove_tree(folder)
    with guarded_disk(folder, f"downloading {name}"):
        folder.mkdir(parents=True)
        with ExitStack() as unless_whole:
            unless_whole.callback(remove_tree, folder)
            archive = _fetch(fetch, pin, folder)
            actual = _sha256(archive)
            unless_whole.pop_all()
    if actual != pin.sha256:
        remove_tree(folder)
        raise DownloadFailed(
            f"{name}: the download has sha256 {actual}, the pin says {pin.sha256}; the file was removed",
            hint="Run it again; if the hash stays wrong, do not trust the source and report it.",
        )
    return archive


def remove_tree(folder: Path) -> None:
    """Remove a folder with all in it; one that is not there is no error. Raises: DiskRefused."""
    with guarded_disk(folder, "cleaning the cache"):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return


def _fetch(fetch: Fetch, pin: KeycloakPin, folder: Path) -> Path:
    try:
        return fetch(pin, folder)
    except OSError as error:
        # Network errors of the client are OSErrors too, without a number; numbered ones come from the disk.
        if error.errno is not None and not isinstance(error, ConnectionError | TimeoutError):
            raise
        raise DownloadFailed(f"Keycloak {pin.version} could not be downloaded: {type(error).__name__}") from error
    except (RuntimeError, AssertionError, ValueError) as error:
        raise DownloadFailed(
            f"Keycloak {pin.version} could not be downloaded: the source does not have it or answered with an error"
        ) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
