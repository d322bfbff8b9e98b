"""The body of a proxy request, ``{method, path, query, body}``, read with one meaning only.

Invariant: nothing that could stand for a credential or another method passes (``_CLOSED``), and headers of the caller
are not looked at: an inbound token cannot reach a provider, for no part of it is taken.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request

from gatelodge.connections.api_paths import PathRefused
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.strict_json import no_constant, no_twins
from gatelodge.proxy.rule import METHODS, Rule

__all__ = ["Asked", "BodyRefused", "read_asked"]

_MEMBERS = frozenset({"method", "path", "query", "body"})
_CLOSED = frozenset(
    {"token", "access_token", "refresh_token", "client_secret", "authorization", "_method", "callback", "jsonp"}
)
_MOST_PARAMETERS, _LONGEST_VALUE = 50, 8192
_BODILESS = frozenset({"GET", "DELETE"})


class BodyRefused(GatelodgeError):
    """The request's own body is not what the proxy takes; the detail names the member."""

    code = Code.BODY_MALFORMED
    hint_is_public = True

    def __init__(self, detail: str) -> None:
        super().__init__(detail, hint='Send {"method": ..., "path": ..., "query": {...}, "body": ...} as JSON.')


class BodyTooLarge(GatelodgeError):
    """The request's own body is over the cap."""

    code = Code.BODY_TOO_LARGE


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is asked for; nothing says yet that it is allowed."""

    method: str
    path: str
    query: Mapping[str, str | int | bool | list[str]]
    body: Any

    def form(self, rule: Rule) -> dict[str, str] | None:
        """The body as a form, where the rule wants one. Raises: BodyRefused."""
        if not rule.form:
            return None
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise BodyRefused("body: this call takes an object")
        return {name: _field(value) for name, value in self.body.items()}


async def read_asked(request: Request, max_bytes: int) -> Asked:
    """Raises: BodyRefused, BodyTooLarge, PathRefused."""
    members = _object(await _read(request, max_bytes))
    if unknown := members.keys() - _MEMBERS:
        raise BodyRefused(f"{len(unknown)} unknown members")
    method, path = members.get("method"), members.get("path")
    if not isinstance(method, str) or not isinstance(path, str):
        raise BodyRefused("method and path are texts")
    if method not in METHODS:
        raise PathRefused("a method is one of " + ", ".join(sorted(METHODS)))
    query, body = _query(members.get("query")), members.get("body")
    if body is not None and method in _BODILESS:
        raise BodyRefused(f"{method} has no body")
    if isinstance(body, dict):
        _check_names(body)
    return Asked(method, path, query, body)


async def _read(request: Request, most: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise BodyTooLarge(f"the body is over {most} bytes")
    except ClientDisconnect as error:
        raise BodyRefused("the caller went away") from error
    return bytes(body)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=no_twins, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise BodyRefused("no JSON that can be read in one way only") from error
    if not isinstance(value, dict):
        raise BodyRefused("not an object")
    return value


def _query(given: Any) -> dict[str, str | int | bool | list[str]]:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > _MOST_PARAMETERS:
        raise BodyRefused(f"query: an object of at most {_MOST_PARAMETERS} members")
    _check_names(given)
    return {name: _parameter(value) for name, value in given.items()}


def _parameter(value: Any) -> str | int | bool | list[str]:
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if not isinstance(entry, str | int) or len(str(entry)) > _LONGEST_VALUE:
            raise BodyRefused("query: values are texts, whole numbers, true, false, or lists of texts")
    return [_field(entry) for entry in entries] if isinstance(value, list) else value


def _check_names(members: Mapping[str, Any]) -> None:
    for name in members:
        if not name or not name.isprintable() or len(name) > 200:
            raise BodyRefused("a member's name is empty, too long or not printable")
        if name.strip().lower() in _CLOSED:
            raise PathRefused("a member stands for a credential or another method")


def _field(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
