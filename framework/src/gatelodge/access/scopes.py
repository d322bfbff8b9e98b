"""Scope names and the one hierarchy between them (RFC 6749, section 3.3).

``<name>:write`` implies ``<name>:read``; beyond that a scope is matched whole, never by prefix, case or pattern.
"""

import re

__all__ = ["is_scope_token", "missing"]

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_READ, _WRITE = ":read", ":write"


def is_scope_token(name: str) -> bool:
    """Whether ``name`` is one scope-token: printable ASCII without space, double quote and backslash."""
    return _SCOPE_TOKEN.fullmatch(name) is not None


def missing(needed: frozenset[str], granted: frozenset[str]) -> tuple[str, ...]:
    """The needed scopes that the granted ones do not cover, sorted; empty when all are covered."""
    if needed <= granted:
        return ()
    return tuple(sorted(scope for scope in needed - granted if not _implied(scope, granted)))


def _implied(scope: str, granted: frozenset[str]) -> bool:
    return scope.endswith(_READ) and scope.removesuffix(_READ) + _WRITE in granted
