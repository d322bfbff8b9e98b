"""WireMock's archive: what is not the pinned one is never run, and what cannot be had is told apart from that."""

import hashlib
from pathlib import Path

import pytest
from wiremock import Archive, ArchiveWrong, WireMockUnavailable, fetched

CONTENT = b"an archive"
PIN = Archive("1.0", "org.example", "example", "jar", hashlib.sha256(CONTENT).hexdigest())


class Fetched:
    """A source; ``times`` says how often it was asked."""

    def __init__(self, content: bytes | None) -> None:
        self.content, self.times = content, 0

    def __call__(self, pin: Archive, folder: Path) -> Path:
        self.times += 1
        if self.content is None:
            raise ConnectionError("no route")
        file = folder / f"{pin.artifact}.{pin.packaging}"
        file.write_bytes(self.content)
        return file


def test_the_pinned_archive_is_fetched_once(tmp_path: Path) -> None:
    source, cache = Fetched(CONTENT), tmp_path / "cache"
    assert fetched(PIN, cache, fetch=source) == fetched(PIN, cache, fetch=source)
    assert source.times == 1
    assert [path.read_bytes() for path in cache.iterdir()] == [CONTENT]


def test_another_archive_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ArchiveWrong, match="the pin says"):
        fetched(PIN, tmp_path, fetch=Fetched(b"another"))
    assert list(tmp_path.iterdir()) == []
    kept = fetched(PIN, tmp_path, fetch=Fetched(CONTENT))
    kept.write_bytes(b"changed in the cache")
    with pytest.raises(ArchiveWrong):
        fetched(PIN, tmp_path, fetch=Fetched(CONTENT))
    assert fetched(PIN, tmp_path, fetch=Fetched(CONTENT)).read_bytes() == CONTENT


def test_a_source_that_cannot_be_reached_is_a_reason_to_skip(tmp_path: Path) -> None:
    with pytest.raises(WireMockUnavailable, match=r"example 1\.0 cannot be had: ConnectionError"):
        fetched(PIN, tmp_path, fetch=Fetched(None))
    assert list(tmp_path.iterdir()) == []
