"""Whether a change was sent by our own page: its origin, what the browser says of the sender, and the session's token.

All three have to hold, for each is missing somewhere: a browser without ``Sec-Fetch-Site``, a page of another server on
this origin, a token that leaked. A request with an access token needs none of it: no browser adds one by itself.
"""

import hmac
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from gatelodge.connections.sessions import Session
from gatelodge.connections.web_errors import CsrfRefused

__all__ = ["FIELD", "HEADER", "check_read", "check_token", "read_form"]

FIELD = "csrf"
HEADER = "x-csrf-token"
_MAX_BODY = 16 * 1024


def check_token(request: Request, session: Session, token: str | None, origin: str) -> None:
    """A change by a session. Raises: CsrfRefused."""
    # Browsers name the origin of every request that changes something.
    if request.headers.getlist("origin") != [origin]:
        raise CsrfRefused("Origin is missing or another one")
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise CsrfRefused("Sec-Fetch-Site is not same-origin")
    expected = session.csrf.reveal().encode()
    if not hmac.compare_digest((token or "").encode("utf-8", "surrogatepass"), expected):
        raise CsrfRefused("the token is missing or not this session's")


def check_read(request: Request, origin: str) -> None:
    """A read by a session over the API, from our own pages only. Raises: CsrfRefused."""
    if request.headers.get("origin", origin) != origin:
        raise CsrfRefused("Origin is another one: a front end elsewhere sends an access token")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CsrfRefused("Sec-Fetch-Site is neither same-origin nor none")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each there once; empty when it is none. Raises: CsrfRefused for one that is too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > _MAX_BODY:
                raise CsrfRefused(f"a form of more than {_MAX_BODY} bytes")
        fields = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=8)
    except (ClientDisconnect, ValueError):
        return {}
    return {name: values[0] for name, values in fields.items() if len(values) == 1}
