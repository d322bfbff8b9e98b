"""Finished lines: canaries by every way into a line, both forms, and texts that would forge one."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from gatelodge.core.secret import Secret
from gatelodge.observability.config import Form, LogConfig
from gatelodge.observability.current import CURRENT, Current
from gatelodge.observability.logs import configure_logging
from gatelodge.observability.redaction import redact
from gatelodge.observability.request_id import REQUEST_ID

CANARY = "cAnArY0123456789cAnArY"
VAULT_KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
# Every form in which a credential reaches a line, with what must not be left of it.
CREDENTIALS = [
    (f"Authorization: Bearer {CANARY}", CANARY),
    (f"Basic {CANARY}==", CANARY),
    (f"eyJhbGciOiJub25lIn0.{CANARY}.{CANARY}", CANARY),
    (f"eyJhbGciOiJkaXIifQ..{CANARY}.{CANARY}.{CANARY}", CANARY),
    (f"GET /callback?code={CANARY}&state=st{CANARY} HTTP/1.1", CANARY),
    (f"/x?a=1&state={CANARY}", CANARY),
    (f"access_token={CANARY}&x=1", CANARY),
    (f'{{"refresh_token": "{CANARY} with blanks"}}', "blanks"),
    (f'{{\\"id_token\\":\\"{CANARY}\\"}}', CANARY),
    (f"{{'client_secret': '{CANARY}', 'x': 1}}", CANARY),
    (f"{{'client_secret': b'{CANARY}'}}", CANARY),
    (f"client_assertion={CANARY}", CANARY),
    (f"code_verifier: {CANARY}", CANARY),
    (f"GATELODGE_DESK_SECRET={CANARY}", CANARY),
    (f"GATELODGE_GITHUB_CLIENT_SECRET={CANARY}", CANARY),
    (f"api_token = {CANARY}", CANARY),
    (f"X-Api-Key: {CANARY}", CANARY),
    (f"Cookie: a=1; __Host-gatelodge-session={CANARY}; b={CANARY}", CANARY),
    (f"Set-Cookie: gatelodge-sign-in={CANARY}; HttpOnly", CANARY),
    (f"(b'cookie', b'x={CANARY}'), (b'accept', b'*/*')", CANARY),
    (f"{{'authorization': 'Token {CANARY}'}}", CANARY),
    (f"kept __Host-gatelodge-session-workspace={CANARY} in the browser", CANARY),
    (f"ghp_{CANARY}", CANARY),
    (f"gho_{CANARY}", CANARY),
    (f"github_pat_{CANARY}_{CANARY}", CANARY),
    (f"xoxb-1-2-{CANARY}", CANARY),
    (f"xoxe.xoxp-1-{CANARY}", CANARY),
    (f"ATATT3x{CANARY}=AB", CANARY),
    (f"secret_{CANARY}", CANARY),
    (f"ntn_{CANARY}", CANARY),
    (f"sk-proj-{CANARY}", CANARY),
    (f"postgresql://gatelodge:{CANARY}@db/x", CANARY),
    (f"redis://:{CANARY}@redis:6379/0", CANARY),
    (f"GATELODGE_VAULT_KEY is {VAULT_KEY}", VAULT_KEY),
    ("key " + "0f" * 32, "0f" * 32),
    (f"where=client_secret={CANARY}", CANARY),
]
HARMLESS = [
    "serving https://localhost/mcp, callers of https://localhost/realms/mcp (keycloak)",
    "refresh at github: the account has to be linked again: refused",
    "state is not that of this browser's sign-in",
    "the issuer's state: up",
    "no key 'tB3h2kCq0uJm7n1Qv9x8yZ5w4e6r2t0pLkJhGfDsAaQ' for 'RS256'",
    "denied by rule scopes; token refused: audience",
    "a cookie, or a session, was sealed by another key",
    "GATELODGE_WEB_CLIENT_SECRET is not set, so nobody can sign in to these pages",
    "Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
    "notification not understood, status 404",
    "secret_file: None",
]

Written = Callable[[], str]


@pytest.fixture(params=["json", "text"])
def form(request: pytest.FixtureRequest) -> Form:
    found: Form = request.param
    return found


@pytest.fixture
def written(form: Form) -> Iterator[Written]:
    """What was written since the start; the process's logging is as before afterwards."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {
        name: logging.getLogger(name)
        for name in ("httpx", "httpcore", "httpx2", "httpcore2", "mcp", "fastmcp", "urllib3")
    }
    before = {name: (logger.level, logger.handlers[:], logger.propagate) for name, logger in quiet.items()}
    shown = logging.logThreads, logging.logProcesses, logging.logMultiprocessing
    configure_logging(LogConfig("debug", form), stream=stream)
    yield stream.getvalue
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, (own, its, up) in before.items():
        quiet[name].setLevel(own)
        quiet[name].handlers[:], quiet[name].propagate = its, up
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing = shown
    structlog.reset_defaults()


@pytest.mark.requirement("RFC9700-4.9.2-secrets", "MCP26-AUTH-14a")
@pytest.mark.parametrize(("text", "secret"), CREDENTIALS)
def test_a_credential_leaves_no_trace_whatever_the_way_into_the_line(text: str, secret: str, written: Written) -> None:
    log = logging.getLogger("gatelodge.test")
    log.info(text)
    log.info("got %s", text)
    log.info("got %r and %s", [text], {"inner": text})
    log.info("with fields", extra={"answer": text, "deep": {"list": [text, (1, text)]}})
    structlog.get_logger("gatelodge.test").info("structured", answer=text)
    try:
        try:
            raise ValueError(text)  # noqa: TRY301 - a chain is what is tested
        except ValueError as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        log.exception("failed")
        structlog.get_logger("gatelodge.test").exception("failed")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application: %s", text)
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: %s", text)
    found = written()
    assert secret not in found
    assert "***" in found
    assert found.count("outer") >= 2


@pytest.mark.requirement("RFC9700-4.9.2-secrets")
def test_a_secret_is_hidden_by_its_type_and_by_the_name_it_stands_under(written: Written) -> None:
    log, secret = logging.getLogger("gatelodge.test"), Secret(CANARY)
    log.info("value %s, %r, in %s", secret, secret, {"a": [secret]})
    log.info(
        "fields", extra={"one": secret, "many": {"x": [secret]}, "password": CANARY, "headers": {"Cookie": CANARY}}
    )
    log.info("pairs", extra={"headers": [(b"authorization", CANARY), (b"accept", "*/*")]})
    structlog.get_logger().info(
        "fields", one=secret, client_secret=CANARY, jwt=CANARY, token=CANARY, accessToken=CANARY
    )
    structlog.get_logger().info("fields", headers={b"cf-access-client-secret": CANARY.encode(), "X-Auth-Token": CANARY})
    assert CANARY not in written()


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_credential_stays_readable(text: str) -> None:
    assert redact(text) == text


def test_arguments_that_do_not_fit_are_told_without_being_shown(written: Written) -> None:
    record = logging.LogRecord("gatelodge.test", logging.INFO, __file__, 1, "%d calls", (f"ghp_{CANARY}",), None)
    # Not through the logger: the test runner's own handler raises.
    logging.getLogger().handlers[0].handle(record)
    found = written()
    assert "could not be written: TypeError" in found
    assert CANARY not in found
    assert len(found.splitlines()) == 1


FORGERIES = [
    "x\n2026-01-01T00:00:00.000+00:00 INFO gatelodge.access: forged",
    'x"}\n{"event":"forged"}',
    "x\r\nforged",
    "x\u2028forged\u2029forged\x85forged\x0bforged\x0cforged",
    "x\x1b[2K\x1b[1Aforged",
    "x\x9b31mforged",
    "x\u202eforged",
    "x\x00forged",
]


@pytest.mark.parametrize("text", FORGERIES)
def test_no_text_begins_a_line_or_steers_a_terminal(text: str, form: Form, written: Written) -> None:
    log = logging.getLogger("gatelodge.test")
    log.info("%s", text)
    log.info("field", extra={"given": text})
    try:
        raise ValueError(text)  # noqa: TRY301 - its traceback is what is tested
    except ValueError:
        log.exception("failed")
    found = written()
    lines = found.split("\n")[:-1]
    assert not set(found) & set("\x00\x1b\x85\x9b\r\x0b\x0c\u2028\u2029\u202e")
    if form == "json":
        events = [json.loads(line)["event"] for line in lines]
        assert events == [text, "field", "failed"]
        return
    for line in lines:
        assert line.startswith("  | ") or " gatelodge.test: " in line
    assert sum(not line.startswith("  | ") for line in lines) == 3


def test_a_line_in_a_request_carries_its_id_and_its_user(form: Form, written: Written) -> None:
    reset, seen = REQUEST_ID.set("request-0001"), CURRENT.set(Current(user="user:0123"))
    logging.getLogger("gatelodge.test").warning("within", extra={"request_id": "forged-one", "user": "someone"})
    REQUEST_ID.reset(reset)
    CURRENT.reset(seen)
    logging.getLogger("gatelodge.test").warning("without")
    within, without = written().splitlines()
    assert "request_id" not in without
    if form == "json":
        line: dict[str, Any] = json.loads(within)
        assert (line["request_id"], line["user"], line["level"]) == ("request-0001", "user:0123", "warning")
        assert (line["request_id_"], line["user_"]) == ("forged-one", "someone")
        assert list(json.loads(without)) == ["timestamp", "level", "logger", "event"]
    else:
        assert " WARNING gatelodge.test: within request_id=request-0001 user=user:0123 " in within


def test_libraries_that_show_requests_or_write_past_us_are_quiet_and_without_handlers(written: Written) -> None:
    logging.getLogger("httpx2").info("HTTP Request: GET https://x/?code=%s", CANARY)
    logging.getLogger("httpcore2.http11").debug("send_request_headers.started")
    assert written() == ""
    assert not logging.getLogger("fastmcp").handlers
