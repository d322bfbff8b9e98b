"""Redaction of log lines: planted secrets must not survive, other text must."""

import logging

import pytest

from gatelodge.observability.logs import Redaction, configure_logging

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
# In two parts: whole, the search for secrets takes it for one.
_PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\n"


def cleaned(message: str, *arguments: object) -> str:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, message, arguments, None)
    assert Redaction().filter(record)
    return record.getMessage()


@pytest.mark.requirement("RFC9700-4.9.2-secrets", "MCP26-AUTH-14a")
@pytest.mark.parametrize(
    "line",
    [
        f"token {TOKEN} refused",
        f"Authorization: Bearer {TOKEN}",
        "Authorization: Bearer canary-canary",
        "Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==",
        "/callback?code=canary&state=1",
        '{"refresh_token": "canary", "x": 1}',
        "client_secret=canary",
        '{"password":"canary"}',
        "revoke token=canary&client_id=x",
        "failed: {'token': 'canary'}",
        "X-Auth-Token: canary",
        "CF-Access-Client-Secret: canary",
        "{'accessToken': 'canary', 'clientSecret': 'canary'}",
        '{b"cf-access-client-secret": b"canary"}',
        "KEYCLOAK_SESSION=canary; AUTH_SESSION_ID=canary",
        "device_code=canary",
        f"read {_PEM}canary\n-----END PRIVATE KEY----- from it",
        f"cut {_PEM}canary",
        "postgresql://user:p@canary/w0rd@host/db",
        "redis://:abc/canary@host:6379/0",
    ],
)
def test_credentials_are_removed(line: str) -> None:
    text = cleaned(line)
    assert "canary" not in text
    assert TOKEN not in text
    assert "Y2Fu" not in text
    assert "***" in text


@pytest.mark.parametrize(
    "part",
    ["-eyJAAAAA", "eyJ-eyJ.", "gatelodge-session", "secret='", "basic ", "://a:", _PEM[:-6], "aB"],
)
def test_a_text_that_is_made_to_be_slow_costs_no_more_than_its_length(part: str) -> None:
    # Where a pattern goes over it from each of its beginnings this takes half an hour, in which nobody is served.
    assert cleaned(part * (1_000_000 // len(part)))


def test_a_token_is_removed_also_behind_what_looks_like_one() -> None:
    assert cleaned(f"eyJab-eyJ.{TOKEN} and eyJab-{TOKEN}") == "eyJab-*** and eyJab-***"


def test_credentials_in_arguments_are_removed() -> None:
    assert TOKEN not in cleaned("got %s", TOKEN)


def test_other_text_stays_as_it_is() -> None:
    assert cleaned("serving %s for %d users", "https://localhost/mcp", 3) == "serving https://localhost/mcp for 3 users"


@pytest.mark.parametrize(
    "line",
    [
        "serving on auth_mode=bearer bind=127.0.0.1",
        "auth_mode=bearer upstream=http://127.0.0.1:9/mcp",
        "token: expired; state: open",
        "GET https://npm.example:4873/@scope/package",
        "max_tokens=500 token_store=sqlite",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_only_looks_like_a_credential_stays(line: str) -> None:
    assert cleaned(line) == line


@pytest.mark.requirement("RFC9700-4.9.2-secrets", "MCP26-AUTH-14a")
def test_configured_logging_writes_redacted_lines_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers = root.handlers[:]
    levels = {
        name: logging.getLogger(name).level
        for name in (None, "httpx", "httpcore", "httpx2", "httpcore2", "mcp", "fastmcp")
    }
    try:
        configure_logging()
        logging.getLogger("gatelodge.test").info("got %s", TOKEN)
    finally:
        root.handlers[:] = handlers
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    error = capsys.readouterr().err
    assert "gatelodge.test: got ***" in error
