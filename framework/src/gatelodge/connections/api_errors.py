"""What an API answer means when it is no success: a limit, a refused token, a refusal, or a provider in trouble.

Invariant: of what a provider says at most 500 cleaned characters are kept, never a token, and no header of it is passed
on. Not here: the same for token endpoints (``token_endpoint``).
"""

import json
import math
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

from gatelodge.connections.dialects import Dialect
from gatelodge.connections.errors import ProviderLimited, ProviderRefused, ProviderUnavailable
from gatelodge.outbound.client import Answer

__all__ = ["ApiLimited", "ApiMoved", "ApiRefused", "ApiUnavailable", "cleaned", "judge", "token_refused"]

LONGEST_WAIT = 3600.0
LONGEST_MESSAGE = 500
# Statuses that mean the same for our caller as they do for us; all else is the provider's trouble with us.
# GitHub's for a renamed repository are 301 for reads and 307 for all else.
_MOVED = frozenset({301, 302, 307, 308})
_SAME = frozenset({400, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 423, 424})


class ApiRefused(ProviderRefused):
    """The provider understood and said no: its status, its name for the error, its words, its id of the request."""

    def __init__(
        self, provider: str, provider_status: int, *, error: str = "", message: str = "", request_id: str = ""
    ) -> None:
        # The words are for the caller; the log gets names and numbers.
        super().__init__(provider, f"the API answered {provider_status} {error}".rstrip())
        self.provider_status = provider_status
        self.error = error
        self.message = message
        self.request_id = request_id

    @property
    def status(self) -> int:
        """The provider's status where it means the same to our caller, else 502."""
        return self.provider_status if self.provider_status in _SAME else self.code.meaning.status


class ApiMoved(ApiRefused):
    """What was asked for has another address now, below the API base; nothing is followed, so nothing was done."""

    def __init__(self, provider: str, provider_status: int, place: str, *, request_id: str = "") -> None:
        message = f"renamed or moved, and now at {place}; nothing was done"
        super().__init__(provider, provider_status, error="moved", message=message, request_id=request_id)

    @property
    def status(self) -> int:
        """There is nothing at the address that our caller asked for."""
        return 404


class ApiLimited(ProviderLimited):
    """The provider's rate limit, with seconds to wait and its name for the limit."""

    def __init__(self, provider: str, provider_status: int, wait: float, *, error: str = "") -> None:
        super().__init__(provider, f"rate limit {error}".rstrip(), sent=True, retry_after=wait)
        self.provider_status = provider_status
        self.error = error


class ApiUnavailable(ProviderUnavailable):
    """The provider answered with a status of 500 or more."""

    def __init__(self, provider: str, provider_status: int, wait: float | None, *, request_id: str = "") -> None:
        super().__init__(provider, f"the API answered {provider_status}", sent=True, retry_after=wait)
        self.provider_status = provider_status
        self.request_id = request_id


def token_refused(dialect: Dialect, answer: Answer) -> bool:
    """Whether another token could help: a 401, or Slack's name for it, that is not about a scope."""
    if answer.status == 401:
        words = " ".join(_texts(_json(answer))).lower()
        return not any(word in words for word in dialect.scope_words)
    if not _may_refuse(dialect, answer):
        return False
    body = _json(answer)
    return _not_ok(body) and _text(body, "error") in dialect.dead_tokens


def judge(provider: str, dialect: Dialect, answer: Answer, now: float, *, url: str = "", api_base: str = "") -> None:
    """Return for a success. ``now`` in seconds since the epoch, ``url`` as asked, below ``api_base``.

    Raises: ApiLimited, ApiRefused (ApiMoved), ApiUnavailable.
    """
    if 200 <= answer.status < 300 and not _may_refuse(dialect, answer):
        return
    body = _json(answer)
    if 200 <= answer.status < 300 and not _not_ok(body):
        return
    error, request_id = _name(body), _request_id(dialect, answer, body)
    if _limited(dialect, answer, body):
        wait = _wait(answer, now)
        reason = answer.headers.get("ratelimit-reason") or _text(body, "additional_data", "rate_limit_reason") or error
        raise ApiLimited(provider, answer.status, dialect.wait if wait is None else wait, error=cleaned(reason, 80))
    if answer.status >= 500:
        raise ApiUnavailable(provider, answer.status, _wait(answer, now), request_id=request_id)
    place = _new_place(answer, url, api_base)
    if place:
        raise ApiMoved(provider, answer.status, place, request_id=request_id)
    raise ApiRefused(
        provider, answer.status, error=error, message=cleaned("; ".join(_texts(body))), request_id=request_id
    )


def cleaned(text: str, most: int = LONGEST_MESSAGE) -> str:
    """One line without control, format and unassigned characters, cut to ``most``."""
    shown = (" " if sign.isspace() else sign for sign in text[: most * 4])
    line = " ".join("".join(sign for sign in shown if unicodedata.category(sign)[0] != "C").split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _new_place(answer: Answer, url: str, api_base: str) -> str:
    """The path below the API base that a redirect names; empty for none, or one on another host or outside of it."""
    if answer.status not in _MOVED or not api_base:
        return ""
    try:
        target = urljoin(url, answer.headers.get("location", ""))
    except ValueError:
        return ""
    place = target.removeprefix(api_base)
    return cleaned(place, 200) if place.startswith("/") and target not in {place, url} else ""


def _may_refuse(dialect: Dialect, answer: Answer) -> bool:
    # Reading every large answer twice would cost more than the call's share of time.
    return dialect.ok_member and answer.status < 300 and b'"ok"' in answer.body


def _not_ok(body: Any) -> bool:
    return isinstance(body, Mapping) and body.get("ok") is False


def _limited(dialect: Dialect, answer: Answer, body: Any) -> bool:
    if answer.status == 429 or (_not_ok(body) and body.get("error") in dialect.limit_errors):
        return True
    if answer.status not in dialect.limit_statuses:
        return False
    words = " ".join(_texts(body)).lower()
    spent = answer.headers.get("x-ratelimit-remaining", "").strip() == "0"
    return spent or "retry-after" in answer.headers or any(word in words for word in dialect.limit_words)


def _wait(answer: Answer, now: float) -> float | None:
    """Seconds that the answer asks to wait, in any of the forms in use, within 0 and an hour; None: it does not say."""
    headers = answer.headers
    asked = _moment(headers.get("retry-after", ""), now, relative=True)
    # A reset that belongs to a budget which is not used up says nothing about this refusal.
    if asked is None and headers.get("x-ratelimit-remaining", "0").strip() == "0":
        asked = _moment(headers.get("x-ratelimit-reset", ""), now, relative=False)
    return None if asked is None else max(0.0, min(asked, LONGEST_WAIT))


def _moment(value: str, now: float, *, relative: bool) -> float | None:
    """Seconds from now: a number (of seconds, or since the epoch), an HTTP date or an ISO 8601 date."""
    value = value.strip()
    try:
        number = float(value)
        return None if not math.isfinite(number) else number if relative else number - now
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _text(value: Any, *path: str) -> str:
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def _name(body: Any) -> str:
    """The provider's name for the error: Slack's ``error``, Notion's ``code``, Coda's ``statusMessage``."""
    found = _text(body, "error") or _text(body, "code") or _text(body, "statusMessage")
    return cleaned(found, 80)


def _texts(body: Any) -> Iterator[str]:
    """The words of an error body: GitHub, Jira (two shapes), Slack, Notion, Coda."""
    if not isinstance(body, Mapping):
        return
    if isinstance(body.get("message"), str):
        yield body["message"]
    messages, errors = body.get("errorMessages"), body.get("errors")
    if isinstance(messages, list):
        yield from (entry for entry in messages[:10] if isinstance(entry, str))
    if isinstance(errors, Mapping):
        yield from (f"{field}: {text}" for field, text in list(errors.items())[:10] if isinstance(text, str))
    elif isinstance(errors, list):
        yield from filter(None, (_github_error(entry) for entry in errors[:10]))
    if isinstance(body.get("needed"), str):
        yield f"needed: {body['needed']}"
    detail = _text(body, "response_metadata", "messages") or body.get("error_description")
    if isinstance(detail, str) and detail:
        yield detail


def _github_error(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    parts = (_text(entry, member) for member in ("resource", "field", "code", "message"))
    return " ".join(filter(None, parts))


def _request_id(dialect: Dialect, answer: Answer, body: Any) -> str:
    named = (answer.headers.get(name, "") for name in dialect.request_id)
    return cleaned(_text(body, "request_id") or next(filter(None, named), ""), 100)
