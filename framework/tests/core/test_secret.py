"""Secrets do not print themselves and their files are private from the first byte."""

import stat
from pathlib import Path

from gatelodge.core.secret import Secret, generate, read_or_create


def test_a_secret_does_not_show_its_value() -> None:
    secret = Secret("canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "canary"


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_generated_secrets_differ_and_have_the_length_asked_for() -> None:
    first, second = generate(), generate()
    assert first != second
    assert len(generate(40).reveal()) == 40


def test_a_secret_file_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret"
    secret = read_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_create(path) == secret
