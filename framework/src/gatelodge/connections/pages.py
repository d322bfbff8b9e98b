"""The pages of connected accounts: Jinja2 templates, escaped, without script, in no frame, kept by nobody.

Invariant: what a provider or a stranger wrote reaches a page as text only, without characters that reorder or hide
others. Style comes from one file of our own, so that the policy allows nothing inside a page.
Not here: what a page says (``accounts``, ``callback``).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gatelodge.connections.place import Place
from gatelodge.observability.request_id import current_request_id

__all__ = ["Pages", "shown"]

_LOADER = PackageLoader("gatelodge.connections")
_TEMPLATES = Environment(loader=_LOADER, autoescape=True, undefined=StrictUndefined, auto_reload=False)
_STYLE = _LOADER.get_source(_TEMPLATES, "accounts.css")[0]
_VERSION = hashlib.sha256(_STYLE.encode()).hexdigest()[:12]
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_HSTS = "max-age=31536000"


class Pages:
    """Renders for one server."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.style_path = f"{place.accounts}/style.css"

    def page(self, template: str, status: int = 200, *, forms: bool = False, **values: Any) -> Response:
        """A page of ``templates/``; one with ``forms`` lets its own origin know where a form came from."""
        html = _TEMPLATES.get_template(f"{template}.j2").render(
            place=self._place, style=f"{self.style_path}?{_VERSION}", **values
        )
        answer = HTMLResponse(html, status, self.headers())
        # With no-referrer a browser sends "Origin: null" with our own forms, which then no check could tell apart.
        answer.headers["referrer-policy"] = "same-origin" if forms else "no-referrer"
        return answer

    def outcome(
        self, status: int, title: str, text: str, *, hint: str = "", code: str = "", back: str | None = None
    ) -> Response:
        """How it ended, with a way on: ``back`` is a path or an address of the operator's list."""
        target, label = back or self._place.accounts, "Go on" if back else "Connected accounts"
        support = " ".join(filter(None, (code, current_request_id()))) if code else ""
        return self.page("outcome", status, title=title, text=text, hint=hint, code=support, back=target, label=label)

    def headers(self) -> dict[str, str]:
        """Headers of every answer to a browser."""
        return {**_HEADERS, **({"strict-transport-security": _HSTS} if self._place.secure else {})}

    async def style(self, _: Request) -> Response:
        """The style sheet; its address names its content."""
        kept = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
        return Response(_STYLE, 200, {**self.headers(), **kept}, "text/css")


def shown(text: str | None, limit: int = 80) -> str:
    """What others wrote, for people: one line, cut short, without control, format or unassigned characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text or "").split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
