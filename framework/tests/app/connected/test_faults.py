"""Faults of the database, the provider and Redis, injected: each ends as a typed answer, one log line, and words that help."""

import json
import logging

import httpx2
import pytest
from problems import constant
from proxy_desk import proxy_desk
from vaults import Vault
from vaults import sqlite_vault as vault

from gatelodge.connections.redis_sessions import RedisSessions
from gatelodge.core.clock import SystemClock
from gatelodge.core.codes import Code
from gatelodge.core.secret import Secret
from gatelodge.storage.errors import StorageUnavailable

__all__ = ["vault"]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Refusals in the log."""
    return [record.getMessage() for record in caplog.records if " refused: " in record.getMessage()]


def judged(answer: httpx2.Response, code: Code) -> None:
    """The one form, in words of ours alone."""
    body = constant(answer)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["code"]) == (code.meaning.status, code.meaning.status, code.value)
    assert (body["title"], body["hint"]) == (code.meaning.text, code.meaning.hint)
    for inside in ("sqlite", "token_values", "SELECT", "127.0.0.1", "Traceback"):
        assert inside not in answer.text


async def test_a_table_that_is_gone_is_a_storage_fault_with_one_line(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxy_desk(vault) as desk:
        await desk.link("github")
        async with vault.db.transaction() as tx:
            await tx.statement("ALTER TABLE tokens RENAME TO gone")
        caplog.clear()
        answer = await desk.call("github")
    judged(answer, Code.STORAGE_FAULT)
    [line] = lines(caplog)
    assert "storage_fault" in line
    assert "next step: " in line


async def test_a_database_that_is_locked_is_unavailable_with_one_line(
    vault: Vault, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy_desk(vault) as desk:
        await desk.link("github")

        async def look(*_: object, **__: object) -> None:
            raise StorageUnavailable("the file is locked", hint="Look for a backup that runs.")

        monkeypatch.setattr(vault.store, "open", look)
        caplog.clear()
        answer = await desk.call("github")
    judged(answer, Code.STORAGE_UNAVAILABLE)
    assert "backup" not in answer.text
    [line] = lines(caplog)
    assert "next step: Look for a backup that runs." in line


async def test_a_provider_that_cuts_the_connection_is_unavailable_with_one_line(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxy_desk(vault, urls={"github": "http://127.0.0.1:1"}) as desk:
        await desk.link("github")
        caplog.clear()
        answer = await desk.call("github")
    judged(answer, Code.PROVIDER_UNAVAILABLE)
    assert len(lines(caplog)) == 1


async def test_a_key_of_the_vault_that_is_gone_leaves_a_typed_answer(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxy_desk(vault) as desk:
        await desk.link("github")
        async with vault.db.transaction() as tx:
            await tx.execute("UPDATE token_values SET sealed = :junk", junk=b"\x00" * 64)
        caplog.clear()
        answer = await desk.call("github")
    judged(answer, Code.VAULT_UNREADABLE)


async def test_a_mistake_of_the_caller_is_told_with_its_next_step(vault: Vault) -> None:
    async with proxy_desk(vault) as desk:
        answer = await desk.http.post(
            "/workspace/api/github/proxy", content=json.dumps({"method": "GET"}), headers=desk.bearer()
        )
    assert constant(answer)["code"] == "body_malformed"
    assert constant(answer)["hint"].startswith('Send {"method"')


async def test_redis_away_is_storage_unavailable() -> None:
    sessions = RedisSessions(Secret("redis://127.0.0.1:1/0"), SystemClock())
    try:
        with pytest.raises(StorageUnavailable) as caught:
            await sessions.get("digest")
    finally:
        await sessions.aclose()
    assert caught.value.__cause__ is not None
    assert "GATELODGE_REDIS_URL" in caught.value.hint


def test_refusals_of_this_server_are_errors_in_the_log_and_a_callers_are_warnings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from starlette.requests import Request

    from gatelodge.connections.web_errors import SessionRequired, log_refusal

    request = Request({"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b""})
    for error in (StorageUnavailable("a"), SessionRequired("b")):
        log_refusal(logging.getLogger("gatelodge.test"), request, error)
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
