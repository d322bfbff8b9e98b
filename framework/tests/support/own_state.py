"""State folders and limits of tests: none reads or writes the checkout's own, and no test sees what another left."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def state_folder_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For servers that a module or the whole run shares."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATELODGE_STATE_DIR", str(tmp_path_factory.mktemp("shared-state")))
        yield


@pytest.fixture(autouse=True)
def state_folder_of_the_test(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that one test starts."""
    monkeypatch.setenv("GATELODGE_STATE_DIR", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def limits_of_the_framework(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own tests have its own limits; those that ``tests/conftest.py`` raises for a whole run are not for them."""
    if request.path.is_relative_to(request.config.rootpath / "framework"):
        for name in [name for name in os.environ if name.startswith("GATELODGE_LIMIT_")]:
            monkeypatch.delenv(name)
