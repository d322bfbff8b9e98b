"""Folders: where they are, who may read them, and what is said when they cannot be made."""

from pathlib import Path

import pytest

from gatelodge.ops.stack.failures import DiskRefused
from gatelodge.ops.stack.layout import Layout, cache_folder, find_checkout


def test_the_state_folder_is_private(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    Layout(checkout=tmp_path, state=state).create()
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskRefused, match=r"the state folder: .*file"):
        Layout(checkout=tmp_path, state=tmp_path / "file" / "state").create()


def test_the_checkout_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "versions.toml").write_text("")
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert find_checkout(inside) == tmp_path


def test_outside_a_checkout_the_one_of_the_installed_package_is_taken(tmp_path: Path) -> None:
    assert find_checkout(tmp_path) == Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("given", [{}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative/cache"}])
def test_the_cache_is_in_the_home_folder_unless_an_absolute_one_is_given(given: dict[str, str]) -> None:
    assert cache_folder(given) == Path.home() / ".cache" / "gatelodge"


def test_the_cache_follows_the_users_setting() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/elsewhere"}) == Path("/elsewhere/gatelodge")
