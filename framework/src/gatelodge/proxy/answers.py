"""Answers of the proxy: an envelope around the provider's JSON, and problem details (RFC 9457) for all errors.

Invariant: nothing of a provider becomes a header of ours. Its body passes as JSON that was parsed, a few of its headers
as texts in the envelope, its words in an error cleaned and cut; none of it is cached on the way.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from gatelodge.connections.api_errors import ApiLimited, ApiRefused, ApiUnavailable, cleaned
from gatelodge.connections.errors import ConnectionMissing, NeedsReauth, ProviderUnavailable
from gatelodge.connections.upstream import ApiAnswer
from gatelodge.connections.web_errors import limit_headers
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.problem import MEDIA_TYPE, problem, problem_of
from gatelodge.issuer.errors import Unavailable
from gatelodge.observability.request_id import current_request_id
from gatelodge.proxy.models import ProxyAnswer

__all__ = ["challenged", "envelope", "not_found", "plain", "refused"]

_FIXED = {"cache-control": "no-store", "x-content-type-options": "nosniff", "vary": "Authorization, Origin"}
# What a caller needs of a provider's headers: the next page, and how near the limit is.
_TOLD = (
    "link",
    "etag",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-resource",
    "x-coda-doc-version",
)
_MEDIA = "application/json"


def envelope(provider: str, answer: ApiAnswer) -> Response:
    """200 with the provider's status and body. Raises: UpstreamAnswerUnusable, when that is no JSON."""
    parsed = answer.json()
    told = {name: cleaned(answer.headers[name], 2000) for name in _TOLD if name in answer.headers}
    whole = ProxyAnswer(provider=provider, status=answer.status, kept=answer.kept, headers=told, body=None)
    head = whole.model_dump(exclude={"body"})
    # The provider's own bytes: written anew, long numbers would lose digits.
    body = b"null" if parsed is None else answer.body.strip()
    content = json.dumps(head)[:-1].encode() + b',"body":' + body + b"}"
    return Response(content, 200, _FIXED, media_type=_MEDIA)


def plain(status: int, body: Mapping[str, Any]) -> Response:
    """JSON for its caller alone."""
    return JSONResponse(body, status, _FIXED)


def not_found() -> Response:
    """404 for a provider that is not set up, or a route that is off."""
    code = Code.NOT_FOUND
    return _problem(problem(code, current_request_id(), error=code.value, error_description=code.meaning.text), {})


def challenged(code: Code, challenge: str, *, error: str) -> Response:
    """400, 401 or 403 with a ``WWW-Authenticate`` challenge (RFC 6750, section 3)."""
    body = problem(code, current_request_id(), error=error, error_description=code.meaning.text)
    return _problem(body, {"www-authenticate": challenge})


def refused(error: GatelodgeError, link_url: Callable[[str], str]) -> Response:
    """Our code and text; what the provider said beside it; where to link an account that is missing or dead."""
    told = {"error": error.code.value, "error_description": error.public}
    body = problem_of(error, current_request_id(), **told)
    if isinstance(error, ApiRefused | ApiLimited | ApiUnavailable):
        said = {"name": error.provider, "status": error.provider_status}
        more = {name: getattr(error, name, "") for name in ("error", "message", "request_id")}
        body["provider"] = said | {name: value for name, value in more.items() if value}
    if isinstance(error, ConnectionMissing | NeedsReauth):
        body["link_url"] = link_url(error.provider)
    headers = dict(limit_headers(error))
    wait = error.retry_after if isinstance(error, ProviderUnavailable | Unavailable) else None
    if wait is not None:
        headers["retry-after"] = str(math.ceil(wait))
    return _problem(body, headers)


def _problem(body: dict[str, Any], headers: Mapping[str, str]) -> Response:
    return JSONResponse(body, body["status"], {**_FIXED, **headers}, media_type=MEDIA_TYPE)
