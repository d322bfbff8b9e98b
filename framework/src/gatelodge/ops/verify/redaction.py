"""Removes secrets from recorded exchanges: by name, by shape, and every value that this run learnt was one.

Invariant: tokens, codes, verifiers, client secrets, passwords, cookies and the session codes of sign-in pages leave no
trace in a report. HTML is never shown, only its title: its hidden fields are session codes.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

__all__ = ["Redactor"]

HIDDEN = "[removed]"
_NAMES = frozenset(
    [
        "access_token",
        "refresh_token",
        "id_token",
        "id_token_hint",
        "token",
        "code",
        "code_verifier",
        "client_secret",
        "client_assertion",
        "password",
        "registration_access_token",
        "session_code",
        "execution",
        "tab_id",
        "client_data",
        "credentialid",
        "state_checker",
        "initial_access_token",
        "device_code",
        "user_code",
        "assertion",
        "subject_token",
    ]
)
_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_LIMIT = 1500
_SHORTEST = 6


class Redactor:
    """Knows the secrets of one run; ``know`` adds one."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def know(self, *values: str | None) -> None:
        """Remember secrets; short values are left out, they would hide ordinary words."""
        self._known |= {
            form for value in values if value and len(value) >= _SHORTEST for form in (value, quote(value, ""))
        }

    def leaks(self, text: str) -> bool:
        """Whether a known secret is in a text."""
        return any(secret in text for secret in self._known)

    def text(self, text: str) -> str:
        """The text without known secrets and without anything in the shape of a JWT."""
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return _JWT.sub(HIDDEN, text)

    def url(self, url: str) -> str:
        """A URL with secret parameters removed, in the query and in URLs within it."""
        parts = urlsplit(url)
        kept = urlencode(self._pairs(parts.query), safe="[]:/")
        return self.text(urlunsplit((parts.scheme, parts.netloc, parts.path, kept, "")))

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers without credentials; a redirect's address without its code."""
        shown: dict[str, str] = {}
        for name, value in headers.items():
            lower = name.lower()
            if lower in _HEADERS:
                scheme = value.split(" ", 1)[0] if lower == "authorization" and " " in value else ""
                shown[lower] = f"{scheme} {HIDDEN}".strip()
            else:
                shown[lower] = self.url(value) if lower == "location" else self.text(value)
        return shown

    def body(self, content: bytes, content_type: str) -> str:
        """A body in short: JSON and forms without secret members, of HTML only the title."""
        text = content.decode("utf-8", "replace")
        if "html" in content_type or text.lstrip()[:1] == "<":
            title = _TITLE.search(text)
            heading = " ".join(title[1].split())[:100] if title else "no title"
            return self.text(f"(a page of {len(text)} characters: {heading})")
        if "x-www-form-urlencoded" in content_type:
            text = unquote(urlencode(self._pairs(text), safe="[]:/"))
        else:
            with suppress(ValueError):  # what is no JSON is shown as text
                text = json.dumps(self._value(json.loads(text)), ensure_ascii=False)
        text = self.text(text)
        return text if len(text) <= _LIMIT else f"{text[:_LIMIT]}… ({len(text)} characters)"

    def _pairs(self, encoded: str) -> list[tuple[str, str]]:
        pairs = parse_qsl(encoded, keep_blank_values=True)
        return [(name, HIDDEN if name.lower() in _NAMES and value else value) for name, value in pairs]

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            # An OAuth error code is a string under ``code`` only in JSON-RPC, where it is a number.
            return {
                key: HIDDEN if str(key).lower() in _NAMES and isinstance(item, str) else self._value(item)
                for key, item in value.items()
            }
        return [self._value(item) for item in value] if isinstance(value, list) else value
