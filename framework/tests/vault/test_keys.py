"""Keys: which are taken, where they come from, and that they never show."""

import base64
import os
import secrets
import threading
from pathlib import Path

import pytest

from gatelodge.core.secret import Secret
from gatelodge.vault.config import VaultConfig
from gatelodge.vault.errors import VaultKeyUnusable
from gatelodge.vault.key_source import load_keyring, make_key_file, new_key, read_key_file, write_key_file
from gatelodge.vault.keyring import Keyring, key_from_bytes, read_keys


def test_keys_are_read_in_base64_and_hexadecimal_and_the_first_is_primary() -> None:
    raws = [new_key().secret for _ in range(4)]
    texts = [
        base64.b64encode(raws[0]).decode(),
        raws[1].hex(),
        base64.urlsafe_b64encode(raws[2]).decode().rstrip("="),
        raws[3].hex().upper(),
    ]
    ring = read_keys(f" {texts[0]},{texts[1]}\n{texts[2]} {texts[3]}", "here")
    assert [ring.find(name).secret for name in ring.ids] == raws  # type: ignore[union-attr]
    assert ring.primary.secret == raws[0]
    assert ring.primary_id == ring.ids[0] == key_from_bytes(raws[0], "here").id.hex()
    assert ring.find("00000000") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key"),
        (base64.b64encode(bytes(range(16))).decode(), "16 bytes"),
        (bytes(range(31)).hex(), "31 bytes"),
        (base64.b64encode(bytes(range(33))).decode(), "33 bytes"),
        ("not a key!", "neither base64"),
        (bytes(32).hex(), "not random"),
        ("ab" * 32, "not random"),
        (bytes(range(32)).hex(), "not random"),
        (bytes(range(0, 224, 7)).hex(), "not random"),
        (b"correct horse battery staple 123".hex(), "not random"),
    ],
)
def test_a_key_that_is_missing_short_long_or_weak_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(VaultKeyUnusable) as caught:
        read_keys(text, "GATELODGE_VAULT_KEY")
    assert said in caught.value.detail
    assert "gatelodge vault init" in caught.value.hint
    for word in filter(None, text.split(",")):
        assert word not in caught.value.detail + caught.value.hint


def test_random_keys_are_never_refused() -> None:
    assert len({key_from_bytes(secrets.token_bytes(32), "here").id for _ in range(5000)}) > 4990


def test_a_key_shows_in_no_representation() -> None:
    key = new_key()
    shown = f"{key!r} {key} {Keyring([key])!r} {VaultConfig('sqlite', Path('k'), key=Secret(key.secret.hex()))!r}"
    assert key.id.hex() in shown
    for form in (key.secret.hex(), base64.b64encode(key.secret).decode(), repr(key.secret)[2:-1]):
        assert form not in shown


def test_development_makes_a_key_once_and_reads_it_again(tmp_path: Path) -> None:
    config = VaultConfig("sqlite", tmp_path / "state" / "vault.key")
    first, second = load_keyring(config), load_keyring(config)
    assert first.ids == second.ids
    assert first.primary.secret == second.primary.secret
    assert config.own_key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in config.own_key_file.parent.iterdir()] == ["vault.key"]
    assert config.kept_in == config.own_key_file


def test_many_first_starts_keep_one_key(tmp_path: Path) -> None:
    path, found = tmp_path / "vault.key", list[str]()
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        found.append(load_keyring(VaultConfig("sqlite", path)).primary_id)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_file_that_appears_while_another_is_made_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link = tmp_path / "vault.key", os.link

    def late(source: Path, target: Path) -> None:
        write_key_file(path, [new_key()])
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert make_key_file(path) is False
    assert list(tmp_path.iterdir()) == [path]


def test_production_without_a_key_does_not_start(tmp_path: Path) -> None:
    config = VaultConfig("sqlite", tmp_path / "vault.key", production=True)
    with pytest.raises(VaultKeyUnusable, match="production has no key"):
        load_keyring(config)
    assert not config.own_key_file.exists()


def test_a_key_from_the_setting_or_from_its_file_is_used(tmp_path: Path) -> None:
    key, path = new_key(), tmp_path / "named.key"
    given = Secret(key.secret.hex())
    from_setting = VaultConfig("sqlite", tmp_path / "own.key", key=given, production=True)
    assert load_keyring(from_setting).primary.secret == key.secret
    assert from_setting.kept_in is None
    write_key_file(path, [key, new_key()])
    from_file = VaultConfig("sqlite", tmp_path / "own.key", key_file=path, production=True)
    assert load_keyring(from_file).primary.secret == key.secret
    assert len(load_keyring(from_file).ids) == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "vault.key"
    make_key_file(path)
    path.chmod(mode)
    with pytest.raises(VaultKeyUnusable, match="others than its owner") as caught:
        read_key_file(path)
    assert f"chmod 600 {path}" in caught.value.hint


def test_a_key_file_that_is_missing_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VaultKeyUnusable, match="No such file"):
        read_key_file(tmp_path / "vault.key")
    with pytest.raises(VaultKeyUnusable):
        read_key_file(tmp_path)


def test_a_file_of_bytes_that_are_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    path.write_bytes(bytes(range(128, 160)))
    path.chmod(0o600)
    with pytest.raises(VaultKeyUnusable, match="neither base64"):
        read_key_file(path)
