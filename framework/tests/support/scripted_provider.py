"""A provider's addresses in process: answers in the order given, requests kept."""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.provider import Provider
from gatelodge.connections.registry import PROVIDERS, Registry
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound

__all__ = ["CLIENT", "Asked", "ScriptedProvider", "configured"]

CLIENT = ProviderConfig(client_id="our:client", client_secret=Secret("canary client/secret"))


def configured(*names: str, known: Mapping[str, Provider] = PROVIDERS) -> Registry:
    """These providers at their own addresses, with one client."""
    return Registry(dict.fromkeys(names, CLIENT), known=known)


@dataclass(frozen=True)
class Asked:
    """A request as the provider reads it; ``client`` is id and secret of HTTP Basic."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def client(self) -> tuple[str, str] | None:
        """Id and secret of HTTP Basic."""
        kind, _, pair = self.headers.get("authorization", "").partition(" ")
        if kind != "Basic":
            return None
        name, _, secret = b64decode(pair).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)

    @property
    def fields(self) -> dict[str, Any]:
        """The members of a JSON or form body."""
        if self.headers.get("content-type") == "application/json":
            found: dict[str, Any] = json.loads(self.body)
            return found
        return dict(parse_qsl(self.body.decode(), strict_parsing=bool(self.body)))


@dataclass
class ScriptedProvider:
    """The ASGI app; ``answers`` by path, each used once but the last."""

    answers: dict[str, list[tuple[int, object]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def will(self, path: str, *answers: tuple[int, object]) -> None:
        """Answer requests of a path: status, and JSON or bytes."""
        self.answers[path] = list(answers)

    def outbound(self) -> Outbound:
        """An outbound client whose every request comes here."""
        return Outbound(transport=httpx2.ASGITransport(self))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.asked.append(Asked(request.method, str(request.url), dict(request.headers), await request.body()))
        queue = self.answers.get(request.url.path, [(404, {"message": "Not Found"})])
        status, body = queue.pop(0) if len(queue) > 1 else queue[0]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await Response(content, status, self.headers)(scope, receive, send)
