"""The copy on disk: whole, private, and ignored whenever it cannot be trusted."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from gatelodge.core.errors import GatelodgeError
from gatelodge.issuer.disk_copy import MAX_BYTES, DiskCopy
from gatelodge.issuer.keys import KeySource, KeysUnavailable
from gatelodge.issuer.metadata import IssuerUnavailable, MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory, make_key

ISSUER = "https://localhost:8443/realms/mcp"
LIMIT = 3600.0


@pytest.fixture
def copy(tmp_path: Path, clock: ManualClock) -> DiskCopy:
    return DiskCopy(tmp_path / "state" / "issuer", ISSUER, "keys", LIMIT, clock)


async def test_a_copy_is_read_back_with_its_age(copy: DiskCopy, clock: ManualClock) -> None:
    assert copy.load() is None
    await copy.save({"keys": []}, clock.now() - 5)
    clock.advance(10)

    assert copy.load() == ({"keys": []}, 15)


async def test_only_the_owner_may_read_it_and_nothing_else_is_left(copy: DiskCopy, clock: ManualClock) -> None:
    old = os.umask(0)
    try:
        await copy.save({}, clock.now())
        await copy.save({"second": True}, clock.now())
    finally:
        os.umask(old)

    assert copy.path.stat().st_mode & 0o777 == 0o600
    assert copy.folder.stat().st_mode & 0o777 == 0o700
    assert list(copy.folder.iterdir()) == [copy.path]


async def test_a_write_that_breaks_off_leaves_the_old_copy(
    copy: DiskCopy, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await copy.save({"first": True}, clock.now())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    await copy.save({"second": True}, clock.now())

    assert copy.load() == ({"first": True}, 0)
    assert "No space left on device" in caplog.text


async def test_a_folder_that_cannot_be_made_is_only_said(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    copy = DiskCopy(tmp_path / "file", ISSUER, "keys", LIMIT, clock)
    await copy.save({}, clock.now())

    assert copy.load() is None
    assert "no copy of the issuer's keys kept" in caplog.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"issuer": "https://other.example"}, "of the issuer 'https://other.example'", id="another issuer"),
        pytest.param({"issuer": None}, "of the issuer 'None'", id="no issuer"),
        pytest.param({"kind": "metadata"}, "of another form", id="another kind"),
        pytest.param({"format": 2}, "of another form", id="another format"),
        pytest.param({"document": []}, "a member is missing", id="no document"),
        pytest.param({"fetched": "now"}, "a member is missing", id="no time"),
        pytest.param({"fetched": float("nan")}, "a member is missing", id="not a number"),
        pytest.param({"fetched": 1_700_000_000 - LIMIT - 1}, "3601 seconds old", id="too old"),
        pytest.param({"fetched": 1_700_000_000 + 61}, "-61 seconds old", id="from the future"),
    ],
)
async def test_a_copy_that_does_not_fit_is_ignored_with_the_reason(
    copy: DiskCopy, clock: ManualClock, caplog: pytest.LogCaptureFixture, change: dict[str, Any], said: str
) -> None:
    await copy.save({"keys": []}, clock.now())
    copy.path.write_text(json.dumps({**json.loads(copy.path.read_text()), **change}))

    assert copy.load() is None
    (record,) = caplog.records
    assert said in record.getMessage()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b"7", b"[" * 100_000, b" " * (MAX_BYTES + 1)],
    ids=["empty", "cut off", "list", "no text", "number", "deep", "large"],
)
async def test_a_broken_file_is_ignored(
    copy: DiskCopy, clock: ManualClock, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    await copy.save({}, clock.now())
    copy.path.write_bytes(content)

    assert copy.load() is None
    assert len(caplog.records) == 1


async def test_a_file_that_others_can_write_or_that_is_none_is_ignored(
    copy: DiskCopy, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await copy.save({}, clock.now())
    copy.path.chmod(0o620)
    assert copy.load() is None
    copy.path.chmod(0o600)
    aside = copy.path.rename(copy.folder / "aside")
    copy.path.symlink_to(aside)
    assert copy.load() is None
    copy.path.unlink()
    os.mkfifo(copy.path, 0o600)
    assert copy.load() is None
    assert len(caplog.records) == 3


def stored(state: Path, kind: str) -> Path:
    (file,) = state.glob(f"{kind}-*.json")
    return file


def sources(
    issuer: FakeIssuer, outbound: Outbound, clock: ManualClock, state: Path
) -> tuple[MetadataSource, KeySource]:
    """What a freshly started process reads with."""
    metadata = MetadataSource(outbound, issuer.config(), clock, state)
    return metadata, KeySource(outbound, issuer.config(), metadata, clock, state)


async def test_a_restart_in_an_outage_serves_keys_and_metadata(
    issuer: FakeIssuer, outbound: Outbound, tokens: TokenFactory, clock: ManualClock, tmp_path: Path
) -> None:
    metadata, keys = sources(issuer, outbound, clock, tmp_path)
    for algorithm in ("RS256", "ES256", "EdDSA"):
        await keys.find(tokens.kid(algorithm), algorithm)
    issuer.unreachable = True
    clock.advance(3600)

    metadata, keys = sources(issuer, outbound, clock, tmp_path)
    for algorithm in ("RS256", "ES256", "EdDSA"):
        found = await keys.find(tokens.kid(algorithm), algorithm)
        assert found.as_dict() == tokens.key(algorithm).as_dict(private=False)
    assert await metadata.raw() == issuer.metadata


async def test_without_a_copy_a_restart_in_an_outage_cannot_serve(
    issuer: FakeIssuer, outbound: Outbound, tokens: TokenFactory, clock: ManualClock, tmp_path: Path
) -> None:
    _, keys = sources(issuer, outbound, clock, tmp_path)
    await keys.warm()
    issuer.unreachable = True
    for kind in ("keys", "metadata"):
        stored(tmp_path, kind).unlink()

    metadata, keys = sources(issuer, outbound, clock, tmp_path)
    with pytest.raises(KeysUnavailable):
        await keys.find(tokens.kid(), "RS256")
    with pytest.raises(IssuerUnavailable):
        await metadata.raw()


async def test_a_key_removed_before_a_restart_is_not_served_by_the_copy(
    issuer: FakeIssuer, outbound: Outbound, tokens: TokenFactory, clock: ManualClock, tmp_path: Path
) -> None:
    _, keys = sources(issuer, outbound, clock, tmp_path)
    old = tokens.kid()
    await keys.find(old, "RS256")
    tokens.rotate(keep_old=False)

    _, keys = sources(issuer, outbound, clock, tmp_path)
    with pytest.raises(GatelodgeError):
        await keys.find(old, "RS256")


async def test_the_files_hold_no_private_member_and_nothing_but_what_was_checked(
    issuer: FakeIssuer, outbound: Outbound, tokens: TokenFactory, clock: ManualClock, tmp_path: Path
) -> None:
    published = tokens.jwks()
    published["keys"][0] |= {"p": "c2VjcmV0", "x5c": ["certificate"], "note": "canary"}
    issuer.keys = published
    _, keys = sources(issuer, outbound, clock, tmp_path)
    await keys.warm()

    file = stored(tmp_path, "keys")
    entries = json.loads(file.read_text())["document"]["keys"]
    assert {member for key in entries for member in key} == {"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"}
    assert not {"canary", "c2VjcmV0", "certificate"} & set(file.read_text().split('"'))


async def test_a_copy_is_judged_by_the_filter_of_a_fetched_set(
    issuer: FakeIssuer, outbound: Outbound, tokens: TokenFactory, clock: ManualClock, tmp_path: Path
) -> None:
    _, keys = sources(issuer, outbound, clock, tmp_path)
    await keys.warm()
    file = stored(tmp_path, "keys")
    value = json.loads(file.read_text())
    (kid, enc) = ("planted", make_key("RS256", kid="planted", use="enc").as_dict(private=False))
    value["document"]["keys"].append(enc)
    file.write_text(json.dumps(value))
    issuer.unreachable = True

    _, keys = sources(issuer, outbound, clock, tmp_path)
    assert await keys.find(tokens.kid(), "RS256")
    with pytest.raises(GatelodgeError):
        await keys.find(kid, "RS256")

    value["document"]["keys"].append(make_key("RS256").as_dict(private=True))
    file.write_text(json.dumps(value))
    _, keys = sources(issuer, outbound, clock, tmp_path)
    with pytest.raises(KeysUnavailable):
        await keys.find(tokens.kid(), "RS256")


async def test_metadata_on_disk_that_names_another_issuer_is_ignored(
    issuer: FakeIssuer, outbound: Outbound, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metadata, _ = sources(issuer, outbound, clock, tmp_path)
    await metadata.raw()
    file = stored(tmp_path, "metadata")
    value = json.loads(file.read_text())
    value["document"]["issuer"] = "https://other.example"
    file.write_text(json.dumps(value))
    issuer.unreachable = True

    metadata, _ = sources(issuer, outbound, clock, tmp_path)
    with caplog.at_level(logging.WARNING), pytest.raises(IssuerUnavailable):
        await metadata.raw()
    assert "the copy on disk names the issuer 'https://other.example'" in caplog.text
