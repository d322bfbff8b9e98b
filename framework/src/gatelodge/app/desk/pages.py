"""The desk's own pages: Jinja2 templates, escaped, without script, in no frame, kept by nobody.

Invariant: what a stranger wrote reaches a page as text only, without characters that reorder or hide others.
Not here: what a page says (``authorize``, ``consent``).
"""

import base64
import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from gatelodge.core.codes import Code
from gatelodge.core.problem import MEDIA_TYPE, problem
from gatelodge.observability.request_id import current_request_id

__all__ = ["notice", "page", "plain"]

_LOADER = PackageLoader("gatelodge.app.desk")
_PAGES = Environment(loader=_LOADER, autoescape=True, undefined=StrictUndefined, auto_reload=False)
# Part of each page, so that a page is one request; named in the policy by its digest.
_STYLE = _LOADER.get_source(_PAGES, "style.css")[0]
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    # Not no-referrer: with that a browser sends "Origin: null" with our own form.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# The longest URL that a page shows whole.
_LONGEST = 255


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page of ``templates/``."""
    html = _PAGES.get_template(f"{template}.html").render(style=Markup(_STYLE), **values)  # noqa: S704 - our own file
    return HTMLResponse(html, status, _HEADERS)


def notice(
    request: Request,
    status: int,
    error: str,
    title: str,
    text: str,
    *,
    code: Code | None,
    hint: str = "",
    client_id: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Why it does not go on: a page for a person; problem details for a client that asks for JSON.

    Beside their members stand those of RFC 6749, section 5.2; without a ``code``, which is no error, only these.
    """
    if _wants_json(request):
        described = " ".join(filter(None, (text, hint)))
        body: dict[str, Any] = {"error": error, "error_description": described}
        if code is not None:
            body |= problem(code, current_request_id(), status=status, detail=text, hint=hint)
        media = "application/json" if code is None else MEDIA_TYPE
        answer: Response = JSONResponse(body, status, {"cache-control": "no-store"}, media_type=media)
    else:
        answer = page(
            "notice", status, title=title, text=text, hint=hint, error=error, client_id=plain(client_id, _LONGEST)
        )
    answer.headers.update(headers or {})
    return answer


def plain(text: str, limit: int = 80) -> str:
    """What a stranger wrote, for people: one line, cut short, without control, format or unassigned characters."""
    visible = "".join(
        " " if unicodedata.category(char)[0] == "Z" or char in "\t\r\n" else char
        for char in text
        if unicodedata.category(char)[0] != "C" or char in "\t\r\n"
    )
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept
