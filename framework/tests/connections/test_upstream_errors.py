"""The dialects of the providers: limits and waits, refused tokens, and what is kept of an error's words."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from gatelodge.connections.api_errors import (
    ApiLimited,
    ApiRefused,
    ApiUnavailable,
    cleaned,
    judge,
    token_refused,
)
from gatelodge.connections.dialects import DIALECTS
from gatelodge.connections.registry import PROVIDERS
from gatelodge.outbound.client import Answer
from gatelodge.testing.clock import ManualClock

NOW = ManualClock().now()
IN_42 = datetime.fromtimestamp(NOW + 42, UTC)
SECONDARY = {"message": "You have exceeded a secondary rate limit"}


def made(status: int, body: Any = None, **headers: str) -> Answer:
    import json

    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def told(provider: str, answer: Answer) -> Any:
    with pytest.raises((ApiLimited, ApiRefused, ApiUnavailable)) as caught:
        judge(provider, DIALECTS[provider], answer, NOW)
    return caught.value


LIMITS = [
    ("github", made(429, {}, retry_after="42"), 42),
    ("github", made(403, SECONDARY, retry_after="42"), 42),
    ("github", made(403, {}, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(NOW + 42))), 42),
    ("github", made(429, {}, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(NOW + 42))), 42),
    ("github", made(403, SECONDARY, x_ratelimit_remaining="4999", x_ratelimit_reset=str(int(NOW + 3000))), 60),
    ("github", made(403, SECONDARY), 60),
    ("github", made(403, {"message": "You have triggered an abuse detection mechanism"}), 60),
    ("github", made(403, {"message": "API rate limit exceeded for user ID 1."}), 60),
    ("jira", made(429, {}, retry_after="42", ratelimit_reason="jira-burst-based"), 42),
    ("jira", made(429, {}, x_ratelimit_reset=IN_42.isoformat().replace("+00:00", "Z")), 42),
    ("jira", made(429, {}, x_ratelimit_reset=IN_42.strftime("%Y-%m-%dT%H:%M:%SZ")), 42),
    ("jira", made(429, {}, x_ratelimit_reset=IN_42.strftime("%Y-%m-%dT%H:%M:%S")), 42),
    ("jira", made(429, {}, x_ratelimit_reset="soon"), 10),
    ("jira", made(429, {}), 10),
    ("slack", made(429, {"ok": False, "error": "ratelimited"}, retry_after="42"), 42),
    ("slack", made(200, {"ok": False, "error": "ratelimited"}, retry_after="42"), 42),
    ("slack", made(200, {"ok": False, "error": "ratelimited"}), 30),
    ("slack", made(429, b"not json"), 30),
    ("notion", made(429, {"code": "rate_limited"}, retry_after="42"), 42),
    ("notion", made(429, {"code": "rate_limited"}), 1),
    ("coda", made(429, {"statusCode": 429, "statusMessage": "Too Many Requests"}), 6),
    ("coda", made(429, {}, retry_after=format_datetime(IN_42, usegmt=True)), 42),
    ("github", made(429, {}, retry_after="-5"), 0),
    ("github", made(429, {}, retry_after="999999"), 3600),
    ("github", made(429, {}, retry_after="nan"), 60),
    ("github", made(429, {}, retry_after="inf"), 60),
    ("github", made(429, {}, retry_after="1e400"), 60),
    ("github", made(429, {}, retry_after=""), 60),
    ("github", made(403, {}, x_ratelimit_remaining="0", x_ratelimit_reset="1"), 0),
]


@pytest.mark.parametrize(("provider", "answer", "wait"), LIMITS)
def test_every_form_of_a_limit_gives_the_seconds_to_wait(provider: str, answer: Answer, wait: float) -> None:
    error = told(provider, answer)
    assert isinstance(error, ApiLimited)
    assert error.retry_after == pytest.approx(wait, abs=1)
    assert (error.status, error.provider_status) == (429, answer.status)


def test_the_reason_of_a_limit_is_kept() -> None:
    assert told("jira", made(429, {}, ratelimit_reason="jira-per-issue-on-write")).error == "jira-per-issue-on-write"
    body = {"code": "rate_limited", "additional_data": {"rate_limit_reason": "workspace"}}
    assert told("notion", made(429, body)).error == "workspace"


@pytest.mark.parametrize(
    ("provider", "answer", "status", "error", "message", "request_id"),
    [
        (
            "github",
            made(
                422,
                {
                    "message": "Validation Failed",
                    "errors": [{"resource": "Issue", "field": "title", "code": "missing"}],
                },
                x_github_request_id="A:1",
            ),
            422,
            "",
            "Validation Failed; Issue title missing",
            "A:1",
        ),
        ("github", made(404, {"message": "Not Found", "errors": ["x", 1, {}]}), 404, "", "Not Found; x", ""),
        (
            "github",
            made(403, {"message": "Resource not accessible"}, x_ratelimit_remaining="4999"),
            403,
            "",
            "Resource not accessible",
            "",
        ),
        (
            "jira",
            made(400, {"errorMessages": ["No", 1], "errors": {"summary": "is required", "x": 1}}, atl_traceid="t"),
            400,
            "",
            "No; summary: is required",
            "t",
        ),
        ("jira", made(403, {"code": 403, "message": "Forbidden"}), 403, "", "Forbidden", ""),
        (
            "slack",
            made(200, {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "x"}),
            502,
            "missing_scope",
            "needed: chat:write",
            "",
        ),
        ("slack", made(200, {"ok": False}, x_slack_req_id="s"), 502, "", "", "s"),
        (
            "notion",
            made(404, {"object": "error", "code": "object_not_found", "message": "gone", "request_id": "n"}),
            404,
            "object_not_found",
            "gone",
            "n",
        ),
        (
            "coda",
            made(400, {"statusCode": 400, "statusMessage": "Bad Request", "message": "no"}),
            400,
            "Bad Request",
            "no",
            "",
        ),
        ("coda", made(401, b"<html>"), 502, "", "", ""),
        ("coda", made(302, None), 502, "", "", ""),
        ("coda", made(418, [1]), 502, "", "", ""),
        ("coda", made(400, {"error_description": "why"}), 400, "", "why", ""),
    ],
)
def test_a_refusal_keeps_the_providers_name_words_and_request_id(  # noqa: PLR0917 - one row of the table
    provider: str, answer: Answer, status: int, error: str, message: str, request_id: str
) -> None:
    found = told(provider, answer)
    assert isinstance(found, ApiRefused)
    assert (found.provider_status, found.status) == (answer.status, status)
    assert (found.error, found.message, found.request_id) == (error, message, request_id)
    assert message not in found.detail or not message, "the log has no words of a provider"


def test_trouble_of_a_provider_is_told_apart_from_a_refusal() -> None:
    for provider, status in (("github", 500), ("jira", 503), ("notion", 529), ("slack", 502), ("coda", 504)):
        found = told(provider, made(status, b"<html>oops", retry_after="5"))
        assert isinstance(found, ApiUnavailable)
        assert (found.status, found.provider_status, found.retry_after) == (502, status, 5.0)


def test_a_success_is_a_success() -> None:
    for provider, answer in (
        ("slack", made(200, {"ok": True, "error": "none"})),
        ("slack", made(200, b'no json, and ok in it: "ok"')),
        ("slack", made(200, {"messages": []})),
        ("github", made(200, {"ok": False})),
        ("coda", made(202, {"requestId": "r"})),
        ("github", made(204, b"")),
    ):
        judge(provider, DIALECTS[provider], answer, NOW)
        assert not token_refused(DIALECTS[provider], answer)


@pytest.mark.parametrize(
    ("provider", "answer", "refused"),
    [
        ("github", made(401, {"message": "Bad credentials"}), True),
        ("jira", made(401, {"code": 401, "message": "Unauthorized"}), True),
        ("jira", made(401, {"code": 401, "message": "Unauthorized; Scope does not match"}), False),
        ("coda", made(401, b"\xff"), True),
        ("slack", made(200, {"ok": False, "error": "invalid_auth"}), True),
        ("slack", made(200, {"ok": False, "error": "missing_scope"}), False),
        ("slack", made(200, {"ok": False, "error": ["invalid_auth"]}), False),
        ("slack", made(200, b'["ok"]'), False),
        ("github", made(403, {"message": "Bad credentials"}), False),
    ],
)
def test_only_an_answer_about_the_token_asks_for_another(provider: str, answer: Answer, refused: bool) -> None:
    assert token_refused(DIALECTS[provider], answer) is refused


def test_words_are_one_line_that_can_be_shown() -> None:
    assert cleaned("a\r\n\tb\x00\x1b[0m\u202e\u2066\u200b\ufeff\U000e0041c\u2028d") == "a b[0mc d"
    assert len(cleaned("x" * 10_000)) == 500
    assert cleaned("x" * 10_000).endswith("…")
    assert cleaned("é\ud800") == "é"


def test_every_provider_has_a_dialect() -> None:
    assert DIALECTS.keys() == PROVIDERS.keys()
