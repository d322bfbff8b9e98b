"""One call of a provider's API, made ready: path, query, headers and body in the one spelling that is sent, no token yet.

Invariant: of what a caller gives only the values of the three headers in ``_CALLERS`` become headers.
"""

import json as json_codec
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gatelodge.connections.api_errors import ApiRefused
from gatelodge.connections.api_paths import PathRefused, canonical, segments
from gatelodge.connections.dialects import DIALECTS, Dialect, Kind
from gatelodge.connections.errors import ConnectionMissing
from gatelodge.connections.provider import Provider
from gatelodge.core.strict_json import no_constant
from gatelodge.outbound.client import Answer, UpstreamAnswerUnusable

__all__ = ["ApiAnswer", "Call", "Query", "Request", "ready"]

Query = Mapping[str, str | int | bool | Sequence[str]]
SAFE = frozenset({"GET", "HEAD"})
# What a caller may say about the form of an answer; all other headers are ours.
_CALLERS = frozenset({"accept", "notion-version", "x-coda-doc-version"})
_PLAIN = Dialect(wait=10.0, request_id=("x-request-id",))


@dataclass(frozen=True, slots=True)
class ApiAnswer(Answer):
    """A success; ``kept`` says that it was asked for earlier."""

    kept: bool = False

    def json(self) -> Any:
        """The body as JSON, None for an empty one. Raises: UpstreamAnswerUnusable."""
        if not self.body.strip():
            return None
        try:
            # Not from bytes: json would take UTF-16 too.
            return json_codec.loads(self.body.decode("utf-8"), parse_constant=no_constant)
        except (ValueError, RecursionError) as error:
            raise UpstreamAnswerUnusable(f"an answer of status {self.status} is no JSON in UTF-8") from error


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller asks for. ``reads``: it changes nothing (None: GET and HEAD only). ``json`` or ``form`` is the body."""

    method: str
    path: str
    query: Query | None = None
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    reads: bool | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request made ready. ``target`` is path and query, ``kind`` what the answer tells about, ``site`` as asked for."""

    provider: Provider
    dialect: Dialect
    method: str
    path: str
    target: str
    headers: Mapping[str, str]
    content: bytes | None
    safe: bool
    kind: Kind | None
    site: str | None

    def url(self, extra: Mapping[str, str]) -> str:
        """The address, for a link with these details. Raises: ConnectionMissing, for a site that is not the link's."""
        base = self.provider.api_base
        if self.provider.name != "jira" or not self.path.startswith("/rest/"):
            return base + self.target
        known = [extra.get("cloud_id", "")]
        known.extend(entry.get("cloud_id", "") for entry in json_codec.loads(extra.get("sites", "[]")))
        chosen = self.site or known[0]
        if not chosen or chosen not in known:
            raise ConnectionMissing("jira", "the link names no such site")
        return f"{base}/ex/jira/{chosen}{self.target}"


def ready(provider: Provider, request: Request, max_body: int) -> Call:
    """Raises: PathRefused; ApiRefused for a body over ``max_body`` bytes."""
    dialect = DIALECTS.get(provider.name, _PLAIN)
    path = canonical(request.path)
    content, media = _body(request)
    if content is not None and len(content) > max_body:
        raise ApiRefused(provider.name, 413, error="too_large", message=f"our own limit is {max_body} bytes")
    return Call(
        provider,
        dialect,
        request.method,
        path,
        path + _query(request.query),
        _headers(provider, dialect, path, request.headers or {}) | media,
        content,
        request.method in SAFE if request.reads is None else request.reads,
        _kind(dialect, path) if request.method == "GET" else None,
        request.site,
    )


def _kind(dialect: Dialect, path: str) -> Kind | None:
    parts = segments(path)
    for template, kind in dialect.kept.items():
        places = template[1:].split("/")
        if len(places) == len(parts) and all(
            place.startswith("{") or place == part for place, part in zip(places, parts, strict=True)
        ):
            return kind
    return None


def _headers(provider: Provider, dialect: Dialect, path: str, asked: Mapping[str, str]) -> dict[str, str]:
    found = {"accept": "application/json", "user-agent": "gatelodge", **provider.api_headers}
    for end, more in dialect.headers_by_end.items():
        found |= more if path.endswith(end) else {}
    return found | {name.lower(): value for name, value in asked.items() if name.lower() in _CALLERS}


def _body(request: Request) -> tuple[bytes | None, dict[str, str]]:
    try:
        if request.form is not None:
            return urlencode(request.form).encode(), {"content-type": "application/x-www-form-urlencoded"}
        if request.json is None:
            return None, {}
        # As JSON says it: NaN would reach the provider as a word of Python's.
        text = json_codec.dumps(request.json, ensure_ascii=False, allow_nan=False)
        return text.encode(), {"content-type": "application/json"}
    except (ValueError, RecursionError) as error:
        raise PathRefused("the body cannot be written as JSON in UTF-8") from error


def _query(query: Query | None) -> str:
    pairs = list[tuple[str, str]]()
    for name, value in (query or {}).items():
        if isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, str | int):
            pairs.append((name, str(value)))
        else:
            pairs.extend((name, entry) for entry in value)
    try:
        return "?" + urlencode(pairs) if pairs else ""
    except UnicodeEncodeError as error:
        raise PathRefused("the query is not Unicode text") from error
