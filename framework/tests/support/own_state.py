"""State folders of tests: none ever reads or writes the checkout's own, and no test sees what another left."""

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
