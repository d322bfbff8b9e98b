"""The built Keycloak distribution in the user's cache, shared read-only by all checkouts.

A folder under its final name is complete: it is unpacked and built under another name and renamed last.
"""

import os
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

from gatelodge.ops.stack.download import Fetch, fetch_verified, fetch_with_jgo, remove_tree
from gatelodge.ops.stack.failures import DownloadFailed, PartFailed, guarded_disk
from gatelodge.ops.stack.guard import guarded
from gatelodge.ops.stack.lock import waiting_lock
from gatelodge.ops.stack.versions import KeycloakPin

__all__ = ["Build", "Report", "build_with_kc", "prepare_keycloak"]

Report = Callable[[str], None]
Build = Callable[[Path, KeycloakPin], None]

_BUILD_SECONDS = 300


def prepare_keycloak(
    pin: KeycloakPin, cache: Path, *, build: Build, report: Report, fetch: Fetch = fetch_with_jgo
) -> Path:
    """The folder of the built distribution, made on first use. Raises: DownloadFailed, DiskRefused, PartFailed."""
    home = cache / pin.cache_name
    if home.is_dir():
        return home
    with guarded_disk(cache, "the cache folder"):
        cache.mkdir(parents=True, exist_ok=True)
    with waiting_lock(cache / "prepare.lock", lambda: report("waiting: another start prepares Keycloak")):
        if home.is_dir():
            return home
        downloads = cache / "downloads"
        for leftover in cache.glob("*.draft"):
            shutil.rmtree(leftover, ignore_errors=True)
        # A name of its own: the build of a start that was just killed may still be writing to the old one.
        draft = cache / f"{pin.cache_name}.{os.getpid()}.draft"
        try:
            report(f"downloading Keycloak {pin.version} (once per user, about 180 MB)")
            archive = fetch_verified(pin, downloads, fetch=fetch)
            unpacked = _unpack(archive, draft)
            report(f"building Keycloak {pin.version} (once per user, about 20 s)")
            build(unpacked, pin)
            with guarded_disk(cache, "finishing Keycloak"):
                unpacked.rename(home)
        finally:
            remove_tree(draft)
            remove_tree(downloads)
    return home


def build_with_kc(java_home: Path, log: Path) -> Build:
    """A ``Build`` that runs ``kc.sh build`` on this Java, its output in ``log``."""

    def build(home: Path, pin: KeycloakPin) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("KC_", "JAVA"))}
        environment["JAVA_HOME"] = str(java_home)
        command = [str(home / "bin" / "kc.sh"), "build", *pin.build]
        with guarded_disk(log.parent, "the build log"), log.open("wb") as output:
            code = _run(command, environment, output.fileno())
        if code != 0:
            raise PartFailed(f"kc.sh build ended with {code}; see {log}", hint="Read the log; often it is memory.")

    return build


def _run(command: list[str], environment: dict[str, str], output: int) -> int:
    # TERM when this process dies: the script takes its Java along, which KILL would leave behind.
    process = subprocess.Popen(  # noqa: S603 - our own command
        guarded(tuple(command), signal.SIGTERM),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=_BUILD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise PartFailed(f"kc.sh build did not end within {_BUILD_SECONDS} s") from error
    finally:
        if process.poll() is None:
            # The script starts Java as a child: the whole group goes.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _unpack(archive: Path, draft: Path) -> Path:
    with guarded_disk(draft, "unpacking Keycloak"):
        try:
            with zipfile.ZipFile(archive) as file:
                file.extractall(draft)
        except zipfile.BadZipFile as error:
            raise DownloadFailed(f"{archive.name} is no zip archive: {error}") from error
        archive.unlink()
        roots = [path for path in draft.iterdir() if (path / "bin" / "kc.sh").is_file()]
        if len(roots) != 1:
            raise DownloadFailed(f"{archive.name} holds no Keycloak distribution")
        for script in (roots[0] / "bin").glob("*.sh"):
            # zipfile does not restore permissions.
            script.chmod(0o755)
        shutil.rmtree(roots[0] / "data", ignore_errors=True)
    return roots[0]
