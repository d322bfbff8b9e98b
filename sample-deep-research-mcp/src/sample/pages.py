"""The page on which a person reads a public document. The document is untrusted: sanitised, and no script can run."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

import nh3
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from sample.documents import MARKDOWN, Document

__all__ = ["respond"]

_TEMPLATES = Environment(loader=PackageLoader("sample"), autoescape=True, undefined=StrictUndefined)
_STYLE = files("sample").joinpath("templates", "document.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def respond(document: Document | None) -> Response:
    """The page of a document, or 404."""
    if document is None:
        return PlainTextResponse("There is no such document.", status_code=404, headers=_HEADERS)
    page = _TEMPLATES.get_template("document.html").render(
        document=document,
        has_title=any(heading.level == 1 for heading in document.headings),
        body=_body(document),
        style=Markup(_STYLE),  # noqa: S704 - our own file
    )
    return HTMLResponse(page, headers=_HEADERS)


def _body(document: Document) -> Markup | None:
    """Safe HTML of the document; None for plain text, which the template escapes."""
    if document.metadata["type"] == "text/plain":
        return None
    clean = nh3.clean(
        document.html or MARKDOWN.render(document.text),
        tags=nh3.ALLOWED_TAGS - {"img", "area", "map"},
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
    )
    return Markup(clean)  # noqa: S704 - sanitised in the line above
