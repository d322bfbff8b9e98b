"""What the routes and pages of connected accounts are made of; put together by whoever serves them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from gatelodge.audit.actor import OTHERS
from gatelodge.audit.recorder import Recorder
from gatelodge.connections.limits import CallerLimits, LinkLimits
from gatelodge.connections.linking import Linking
from gatelodge.connections.naming import Naming
from gatelodge.connections.pages import Pages
from gatelodge.connections.place import Place
from gatelodge.connections.registry import Registry
from gatelodge.connections.sessions import WebSessions
from gatelodge.connections.signin import SignIn
from gatelodge.connections.state import AuthorizationStates
from gatelodge.resource_server.identity import Identity
from gatelodge.vault.events import AnyTrail
from gatelodge.vault.store import TokenStore

__all__ = ["Handler", "WebParts"]

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class WebParts:
    """Parts of one server; ``server`` is the first part of its scopes.

    ``sign_in`` is None without a client secret, then only access tokens count.
    """

    place: Place
    registry: Registry
    store: TokenStore
    linking: Linking
    states: AuthorizationStates
    sessions: WebSessions
    identity: Identity
    trail: AnyTrail
    server: str
    resource_metadata_url: str
    sign_in: SignIn | None = None
    # Origins of front ends that call the API with an access token, exact.
    allowed_origins: frozenset[str] = frozenset()
    limits: LinkLimits | None = None
    # Of the API's callers.
    calls: CallerLimits | None = None
    naming: Naming | None = None
    # Counts what strangers do without end; ``stranger`` is the actor of a request that nobody signed in for.
    recorder: Recorder = field(default_factory=Recorder)
    stranger: Callable[[Scope], str] = lambda _: OTHERS
    pages: Pages = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pages", Pages(self.place))

    async def sweep(self) -> int:
        """Remove sessions and states that are over; for a task that runs every few minutes."""
        return await self.sessions.sweep() + await self.states.sweep()
