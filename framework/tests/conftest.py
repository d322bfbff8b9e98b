"""What every test of the framework starts from."""

import os

import pytest


@pytest.fixture(autouse=True)
def limits_of_the_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own limits: those that ``tests/`` raises for the whole run are not for these."""
    for name in [name for name in os.environ if name.startswith("GATELODGE_LIMIT_")]:
        monkeypatch.delenv(name)
