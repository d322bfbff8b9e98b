"""What the proxy's routes are made of; put together by whoever serves them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gatelodge.audit.recorder import Recorder
from gatelodge.connections.limits import CallerLimits
from gatelodge.connections.registry import Registry
from gatelodge.connections.upstream import Tokens, Upstream
from gatelodge.proxy.rule import Rule
from gatelodge.proxy.rules import RULES
from gatelodge.resource_server.identity import Identity
from gatelodge.vault.events import AnyTrail

__all__ = ["ProxyParts"]


@dataclass(frozen=True)
class ProxyParts:
    """Parts of one server. ``base`` is its path without ``/mcp``, ``server`` the first part of its scopes.

    ``identity`` knows callers of this server's audience only. ``link_url`` gives the page where a provider is linked.
    ``service_clients`` may fetch users' access tokens; none: there is no such endpoint.
    """

    base: str
    server: str
    registry: Registry
    upstream: Upstream
    tokens: Tokens
    identity: Identity
    trail: AnyTrail
    resource_metadata_url: str
    link_url: Callable[[str], str]
    rules: Mapping[str, Sequence[Rule]] = field(default_factory=lambda: RULES)
    request_bytes: int = 1 << 20
    # Origins of front ends, exact; none: no browser of another origin may call.
    allowed_origins: frozenset[str] = frozenset()
    service_clients: frozenset[str] = frozenset()
    limits: CallerLimits | None = None
    # Counts refusals: a caller can make them without end.
    recorder: Recorder = field(default_factory=Recorder)
