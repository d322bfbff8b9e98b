"""The store of log levels that stands in for FastMCP's."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatelodge.app.bridge import log_levels
from gatelodge.app.bridge.log_levels import CallerLogLevels
from gatelodge.app.context import PRINCIPAL
from gatelodge.core.identity import Principal

NO_SESSION = "__no_session__"


@contextmanager
def calling(subject: str | None, client: str = "client") -> Iterator[None]:
    principal = None if subject is None else Principal("https://issuer.example", subject, client_id=client)
    token = PRINCIPAL.set(principal)
    try:
        yield
    finally:
        PRINCIPAL.reset(token)


def test_a_choice_is_that_of_one_user_with_one_client() -> None:
    levels = CallerLogLevels()
    with calling("alice"):
        levels[NO_SESSION] = "error"
        assert levels.get(NO_SESSION) == "error"
    for subject, client in (("bob", "client"), ("alice", "another")):
        with calling(subject, client):
            assert levels.get(NO_SESSION) is None


def test_a_strangers_choice_is_not_kept() -> None:
    levels = CallerLogLevels()
    with calling(None):
        levels[NO_SESSION] = "error"
        assert levels.get(NO_SESSION) is None
    assert not levels


def test_the_store_stays_bounded_and_keeps_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_levels, "CALLERS", 2)
    levels = CallerLogLevels()
    for subject in ("alice", "bob", "alice", "carol"):
        with calling(subject):
            levels[NO_SESSION] = "warning"
    assert len(levels) == 2
    with calling("bob"):
        assert levels.get(NO_SESSION) is None
    with calling("alice"):
        assert levels.get(NO_SESSION) == "warning"
