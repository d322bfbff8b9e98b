"""State folders and limits of tests: none reads or writes the checkout's own, and no test sees what another left.

A machine that stands still for seconds is no provider that does not answer: in this process, limits of time that a
test does not choose itself are a minute.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from spare_keys import SpareKeys

from gatelodge.connections import naming
from gatelodge.issuer import last_good
from gatelodge.observability import health
from gatelodge.outbound.client import Outbound
from gatelodge.outbound.guard import GuardedOutbound

_MINUTE = 60.0


@pytest.fixture(scope="session", autouse=True)
def state_folder_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For servers that a module or the whole run shares."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATELODGE_STATE_DIR", str(tmp_path_factory.mktemp("shared-state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def patience_of_the_run() -> Iterator[None]:
    """The framework's own limits of time, where one is met only because all stands still."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last_good, "DEADLINE", _MINUTE)
        patch.setattr(health, "PATIENCE", _MINUTE)
        patch.setattr(health, "DEADLINE", _MINUTE)
        patch.setattr(naming, "_PATIENCE", _MINUTE)
        for client in (Outbound, GuardedOutbound):
            patch.setitem(client.__init__.__kwdefaults__ or {}, "timeout", _MINUTE)
        yield


@pytest.fixture(scope="session")
def state_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names without end. To number a folder, pytest reads all that are there: minutes, with thousands of them."""
    root = tmp_path_factory.mktemp("states")
    return (root / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def state_folder_of_the_test(state_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that one test starts."""
    folder = next(state_folders)
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("GATELODGE_STATE_DIR", str(folder))


@pytest.fixture(scope="session")
def spare_keys() -> SpareKeys:
    """RSA keys that earlier tests have done with."""
    return SpareKeys()


@pytest.fixture(autouse=True)
def keys_of_the_test(spare_keys: SpareKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """For token factories; ``make_key`` itself makes a new one each time."""
    spare_keys.next_test()
    monkeypatch.setattr("gatelodge.testing.tokens.make_key", spare_keys.make)


@pytest.fixture(autouse=True)
def limits_of_the_framework(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own tests have its own limits; those that ``tests/conftest.py`` raises for a whole run are not for them."""
    if request.path.is_relative_to(request.config.rootpath / "framework"):
        for name in [name for name in os.environ if name.startswith("GATELODGE_LIMIT_")]:
            monkeypatch.delenv(name)
