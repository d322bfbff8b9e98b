"""Consent to a host that nobody here has chosen (mode ``open``): a form that only the person who saw it can send.

MCP authorization, security considerations: confused deputy. Invariant: a ticket is good for one browser (its
``__Host-`` cookie), one request byte by byte, one content of the document, ten minutes, and once. Nothing is remembered:
each sign-in of such a client is asked about again.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret

__all__ = ["COOKIE", "LIFE", "Answered", "Tickets", "forget_cookie", "new_cookie", "read_answer", "set_cookie"]

COOKIE: Final = "__Host-gatelodge-consent"
# Seconds.
LIFE: Final = 600
MAX_BODY = 64 * 1024
# Tickets used within their life; of more, the oldest are forgotten (their cookie was taken back all the same).
_MOST_USED = 10_000


@dataclass(frozen=True, slots=True)
class Answered:
    """The form as it came back."""

    query: str
    ticket: str
    accepted: bool


@dataclass
class Tickets:
    """Makes and checks tickets under ``key``."""

    key: Secret
    clock: Clock
    _used: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def issue(self, cookie: str, query: str, fingerprint: str) -> str:
        """A new ticket for what the person is shown."""
        head = f"{int(self.clock.now()) + LIFE}.{secrets.token_urlsafe(12)}"
        return f"{head}.{self._mac(head, cookie, query, fingerprint)}"

    def redeem(self, ticket: str, cookie: str, query: str, fingerprint: str) -> bool:
        """Whether the ticket is good for exactly this; it is not a second time."""
        head, _, mac = ticket.rpartition(".")
        expiry, _, nonce = head.partition(".")
        now = self.clock.now()
        if not cookie or not nonce or not ticket.isascii() or not expiry.isdecimal():
            return False
        if not hmac.compare_digest(mac, self._mac(head, cookie, query, fingerprint)):
            return False
        # Only after the MAC: a stranger must not fill the memory, nor choose the expiry.
        if int(expiry) <= now or nonce in self._used:
            return False
        self._forget(now)
        self._used[nonce] = float(expiry)
        return True

    def _mac(self, *parts: str) -> str:
        # Lengths before the texts: no two lists of parts are written alike.
        text = "".join(f"{len(part)}:{part}" for part in parts)
        key = self.key.reveal().encode()
        return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _forget(self, now: float) -> None:
        over = len(self._used) - _MOST_USED + 1
        for number, (nonce, expiry) in enumerate(list(self._used.items())):
            if expiry <= now or number < over:
                del self._used[nonce]


async def read_answer(request: Request, origin: str) -> Answered | None:
    """The form's answer, sent by our own page; None for anything else."""
    # Browsers name the origin of every form that is posted.
    if request.headers.get("origin") != origin:
        return None
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return None
        form = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=8)
    except (ClientDisconnect, ValueError):
        return None
    if any(len(values) != 1 for values in form.values()) or not {"query", "ticket", "answer"} <= set(form):
        return None
    return Answered(form["query"][0], form["ticket"][0], form["answer"][0] == "continue")


def new_cookie() -> str:
    """A value for the cookie of one browser."""
    return secrets.token_urlsafe(24)


def set_cookie(response: Response, value: str) -> None:
    """Have the browser keep the cookie while the page is good."""
    response.set_cookie(COOKIE, value, max_age=LIFE, path="/", secure=True, httponly=True, samesite="strict")


def forget_cookie(response: Response) -> None:
    """Take the cookie back."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
