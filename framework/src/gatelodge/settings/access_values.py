"""The written forms of what Cloudflare Access needs: team domain, AUD tags, and the rules that give scopes.

Not here: which of them a mode needs (``identity``), what a rule means (``resource_server.access_scopes``).
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic_settings import NoDecode

from gatelodge.access.scopes import is_scope_token
from gatelodge.core.urls import is_loopback, origin_of
from gatelodge.resource_server.access_scopes import is_rule

__all__ = ["Rules", "is_aud_tag", "is_team", "read_rules", "team_url"]

# Who, and the scopes that they have.
Rules = Annotated[tuple[tuple[str, frozenset[str]], ...], NoDecode]

_TEAM = re.compile(r"https://[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.cloudflareaccess\.com")
_AUD = re.compile(r"[0-9a-f]{64}")
_ENTRIES = re.compile(r"[,;\n]")


def is_aud_tag(text: str) -> bool:
    """Whether ``text`` has the form of an application's AUD tag."""
    return _AUD.fullmatch(text) is not None


def is_team(url: str) -> bool:
    """Whether ``url`` is a team's at Cloudflare, and no stand-in for tests."""
    return _TEAM.fullmatch(url) is not None


def team_url(given: object) -> str | None:
    """The issuer of a team's assertions, or of a stand-in on this machine; None for anything else."""
    if not isinstance(given, str):
        return None
    url = given.strip().removesuffix("/")
    url = url if "://" in url else f"https://{url}"
    parts = urlsplit(url)
    local = parts.scheme == "http" and is_loopback(parts.hostname or "") and url == origin_of(url).lower()
    return url if local or is_team(url) else None


def read_rules(given: object) -> object:
    """The rules of a written list, anything but text as it is. Raises: ValueError."""
    if not isinstance(given, str):
        return given
    entries = (entry.strip() for entry in _ENTRIES.split(given))
    return tuple(_rule(entry) for entry in entries if entry)


def _rule(entry: str) -> tuple[str, frozenset[str]]:
    who, separator, given = entry.rpartition("=")
    who, scopes = who.strip(), frozenset(given.split())
    if not separator or not scopes or not all(is_scope_token(scope) for scope in scopes):
        raise ValueError("each entry must be who=scope, more scopes after spaces, entries apart by commas")
    if not is_rule(who):
        raise ValueError("who must be an address, *@ and a domain, or group: and a name")
    return who, scopes
