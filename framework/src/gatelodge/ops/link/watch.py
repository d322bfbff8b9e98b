"""Watches the official client from outside: which step it is in, and what came of it.

It is the client's token storage (memory only) and its HTTP hooks. Invariant: what it explains holds status codes and
OAuth error texts, never a token, a code or a secret.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx2
from mcp import MCPError
from mcp.client.auth import OAuthClientProvider, OAuthTokenError
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.link.report import LinkFailed, Step, StepTimer

__all__ = ["Watch"]

_TEXT_LIMIT = 300


class Watch:
    """Token storage and HTTP hooks of one link; the timer follows what it sees."""

    def __init__(self, timer: StepTimer, scopes: Iterable[str] = ()) -> None:
        self.timer = timer
        self.provider: OAuthClientProvider | None = None
        self._needed = frozenset(scopes)
        self._client: OAuthClientInformationFull | None = None
        self._tokens: OAuthToken | None = None
        self._refusal: str | None = None

    @property
    def step(self) -> Step:
        """The step that is on."""
        return self.timer.current

    @property
    def client_id(self) -> str | None:
        """The registered client, once there is one."""
        return self._client.client_id if self._client else None

    @property
    def scope(self) -> str | None:
        """The granted scope, once there is a token."""
        return self._tokens.scope if self._tokens else None

    @property
    def issuer(self) -> str | None:
        """The issuer that discovery found."""
        metadata = self.provider.context.oauth_metadata if self.provider else None
        return str(metadata.issuer) if metadata else None

    async def get_tokens(self) -> OAuthToken | None:
        """The client's storage: nothing from earlier runs."""
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """The client has tokens: from here on it talks to the server. Raises: LinkFailed, when scopes lack."""
        self._tokens = tokens
        if missing := self._needed - set((tokens.scope or "").split()):
            raise LinkFailed(Step.TOKEN, f"a token without {', '.join(sorted(missing))}")
        self.timer.enter(Step.TOOLS)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """The client's storage: nothing from earlier runs."""
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """The client has been registered."""
        self._client = client_info

    async def on_request(self, request: httpx2.Request) -> None:
        """Enter the step that a request belongs to."""
        metadata = self.provider.context.oauth_metadata if self.provider else None
        if metadata is None:
            return
        url = str(request.url)
        if url == str(metadata.registration_endpoint):
            self.timer.enter(Step.REGISTRATION)
        elif url == str(metadata.token_endpoint):
            self.timer.enter(Step.TOKEN)

    async def on_response(self, response: httpx2.Response) -> None:
        """Keep the last refusal: the client's own error often says less."""
        request = response.request
        if response.status_code < 400:
            self._refusal = None
        # A 401 without a token only begins discovery.
        elif response.status_code != 401 or "authorization" in request.headers:
            where = urlsplit(str(request.url)).path
            challenge = response.headers.get("www-authenticate", "")
            self._refusal = f"{request.method} {where}: {response.status_code} {challenge}".strip()[:_TEXT_LIMIT]

    def explain(self, cause: BaseException) -> str:
        """What was found instead, for the operator."""
        if isinstance(cause, GatelodgeError):
            return cause.detail
        if isinstance(cause, OAuthTokenError) and "Invalid token response" in str(cause):
            # The library's text quotes the answer, tokens included.
            return "a token answer of another shape than RFC 6749, section 5.1"
        text = cause.error.message if isinstance(cause, MCPError) else str(cause)
        found = f"{type(cause).__name__}: {' '.join(text.split())}"[:_TEXT_LIMIT]
        return f"{found} ({self._refusal})" if self._refusal else found
