"""What tests read in an error's body: that it is the one form, and the same for everyone but for the request's id."""

from typing import Any

import httpx2

from gatelodge.core.codes import Code
from gatelodge.core.problem import problem

__all__ = ["constant", "members", "told"]


def constant(answer: httpx2.Response) -> dict[str, Any]:
    """The body without the request's id, which is the header's where there is one."""
    body: dict[str, Any] = answer.json()
    assert body.pop("request_id", None) == answer.headers.get("x-request-id")
    return body


def told(answer: httpx2.Response, *, media: str = "application/problem+json") -> dict[str, Any]:
    """As ``constant``, of an answer that is a problem of this media type and of the status that it names."""
    assert answer.headers["content-type"] == media
    body = constant(answer)
    assert body["status"] == answer.status_code
    return body


def members(code: Code, error: str | None = None, description: str | None = None, **other: Any) -> dict[str, Any]:
    """The body of a code, without a request's id; ``other`` members replace or add."""
    named = {"error": error or code.value, "error_description": description or code.meaning.text}
    return problem(code, None) | named | other
