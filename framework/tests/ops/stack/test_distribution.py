"""The Keycloak distribution: what fails is one clear line, leaves nothing behind, and a rerun recovers."""

import dataclasses
import errno
import hashlib
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gatelodge.ops.stack.distribution import build_with_kc, prepare_keycloak
from gatelodge.ops.stack.download import Fetch
from gatelodge.ops.stack.failures import DiskRefused, DownloadFailed, PartFailed
from gatelodge.ops.stack.lock import waiting_lock
from gatelodge.ops.stack.versions import KeycloakPin, read_versions

_PINS = Path(__file__).resolve().parents[4] / "infra" / "versions.toml"
_SCRIPT = '#!/bin/sh\necho "built with $JAVA_HOME: $*" > "$(dirname "$0")/../built"\n'


def _archive(folder: Path, script: str = _SCRIPT) -> Path:
    path = folder / "source.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("keycloak-9/bin/kc.sh", script)
        file.writestr("keycloak-9/lib/quarkus-run.jar", "jar")
    return path


def _pin(archive: Path) -> KeycloakPin:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return dataclasses.replace(read_versions(_PINS).keycloak, sha256=digest)


def _copy(source: Path) -> Fetch:
    def fetch(_: KeycloakPin, folder: Path) -> Path:
        target = folder / "keycloak.zip"
        target.write_bytes(source.read_bytes())
        return target

    return fetch


def _raise(error: Exception) -> Fetch:
    def fetch(_: KeycloakPin, folder: Path) -> Path:
        (folder / "keycloak.zip").write_bytes(b"half")
        raise error

    return fetch


def _quiet(_: str) -> None:
    return


def _left(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} - {"prepare.lock"}


def test_the_archive_is_unpacked_built_and_kept_under_its_final_name(tmp_path: Path) -> None:
    archive, cache = _archive(tmp_path), tmp_path / "cache"
    pin, build = _pin(archive), build_with_kc(Path("/java"), tmp_path / "build.log")
    home = prepare_keycloak(pin, cache, build=build, report=_quiet, fetch=_copy(archive))
    assert home == cache / pin.cache_name
    assert (home / "built").read_text() == f"built with /java: build {' '.join(pin.build)}\n"
    assert _left(cache) == {pin.cache_name}


def test_a_prepared_distribution_is_used_without_any_download(tmp_path: Path) -> None:
    archive, cache = _archive(tmp_path), tmp_path / "cache"
    build = build_with_kc(Path("/java"), tmp_path / "build.log")
    first = prepare_keycloak(_pin(archive), cache, build=build, report=_quiet, fetch=_copy(archive))
    again = prepare_keycloak(_pin(archive), cache, build=build, report=_quiet, fetch=_raise(RuntimeError("no")))
    assert first == again


def test_a_wrong_hash_is_refused_with_both_hashes_and_a_rerun_recovers(tmp_path: Path) -> None:
    archive, other, cache = _archive(tmp_path), tmp_path / "other.zip", tmp_path / "cache"
    other.write_bytes(b"something else")
    pin, build = _pin(archive), build_with_kc(Path("/java"), tmp_path / "build.log")
    with pytest.raises(DownloadFailed) as refused:
        prepare_keycloak(pin, cache, build=build, report=_quiet, fetch=_copy(other))
    assert pin.sha256 in refused.value.detail
    assert hashlib.sha256(b"something else").hexdigest() in refused.value.detail
    assert _left(cache) == set()
    assert prepare_keycloak(pin, cache, build=build, report=_quiet, fetch=_copy(archive)).is_dir()


@pytest.mark.parametrize(
    "error", [RuntimeError("not found"), OSError("read timed out"), ConnectionResetError(104, "reset"), ValueError()]
)
def test_a_broken_download_says_so_and_leaves_nothing(tmp_path: Path, error: Exception) -> None:
    archive, cache = _archive(tmp_path), tmp_path / "cache"
    build = build_with_kc(Path("/java"), tmp_path / "build.log")
    with pytest.raises(DownloadFailed, match="could not be downloaded"):
        prepare_keycloak(_pin(archive), cache, build=build, report=_quiet, fetch=_raise(error))
    assert _left(cache) == set()


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    archive, cache = _archive(tmp_path), tmp_path / "cache"
    full = _raise(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(DiskRefused, match="no space left on the disk of"):
        prepare_keycloak(
            _pin(archive), cache, build=build_with_kc(Path("/java"), tmp_path / "log"), report=_quiet, fetch=full
        )
    assert _left(cache) == set()


def test_an_archive_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    broken, cache = tmp_path / "broken.zip", tmp_path / "cache"
    broken.write_bytes(b"PK no archive")
    with pytest.raises(DownloadFailed, match="no zip archive"):
        prepare_keycloak(_pin(broken), cache, build=lambda *_: None, report=_quiet, fetch=_copy(broken))
    assert _left(cache) == set()


def test_an_archive_without_keycloak_is_refused(tmp_path: Path) -> None:
    empty, cache = tmp_path / "empty.zip", tmp_path / "cache"
    with zipfile.ZipFile(empty, "w") as file:
        file.writestr("readme", "")
    with pytest.raises(DownloadFailed, match="holds no Keycloak distribution"):
        prepare_keycloak(_pin(empty), cache, build=lambda *_: None, report=_quiet, fetch=_copy(empty))


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    archive, blocked = _archive(tmp_path), tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(DiskRefused, match=r"the cache folder: .*file"):
        prepare_keycloak(_pin(archive), blocked / "cache", build=lambda *_: None, report=_quiet, fetch=_copy(archive))


def test_a_build_that_fails_names_its_log_and_is_not_kept(tmp_path: Path) -> None:
    archive, cache, log = (
        _archive(tmp_path, "#!/bin/sh\necho no memory; exit 7\n"),
        tmp_path / "cache",
        tmp_path / "log",
    )
    with pytest.raises(PartFailed, match=f"ended with 7; see {log}"):
        prepare_keycloak(
            _pin(archive), cache, build=build_with_kc(Path("/java"), log), report=_quiet, fetch=_copy(archive)
        )
    assert log.read_text() == "no memory\n"
    assert _left(cache) == set()


def test_two_first_starts_at_once_download_once(tmp_path: Path, until: Callable[[Callable[[], object]], None]) -> None:
    archive, cache = _archive(tmp_path), tmp_path / "cache"
    fetched: list[Path] = []
    lines: list[str] = []

    def fetch(pin: KeycloakPin, folder: Path) -> Path:
        fetched.append(folder)
        # The other one must be waiting before this one goes on.
        until(lambda: any("another start" in line for line in lines))
        return _copy(archive)(pin, folder)

    def prepare() -> None:
        prepare_keycloak(_pin(archive), cache, build=lambda *_: None, report=lines.append, fetch=fetch)

    threads = [threading.Thread(target=prepare) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(fetched) == 1


def test_what_a_killed_start_left_behind_is_cleared(tmp_path: Path) -> None:
    archive, cache = _archive(tmp_path), tmp_path / "cache"
    pin = _pin(archive)
    for leftover in (cache / "downloads" / "org", cache / f"{pin.cache_name}.draft" / "keycloak-9"):
        leftover.mkdir(parents=True)
    prepare_keycloak(pin, cache, build=lambda *_: None, report=_quiet, fetch=_copy(archive))
    assert _left(cache) == {pin.cache_name}


def test_the_lock_waits_only_when_it_is_held(tmp_path: Path) -> None:
    waits: list[str] = []
    with waiting_lock(tmp_path / "lock", lambda: waits.append("waited")):
        pass
    assert waits == []
