"""What the checks look at: addresses, files, the edge over HTTP, and the realm when there is a way into it.

Read only. The realm is read once with an administrator's account, which the native stack has in its state folder.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatelodge.connections.place import Place
from gatelodge.core.clock import Clock
from gatelodge.core.urls import origin_of, path_of, well_known
from gatelodge.ops.realm.apply import RealmAdmin
from gatelodge.ops.realm.web import WEB_CLIENT
from gatelodge.ops.stack.internal import Administrator
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.record import Record
from gatelodge.outbound.client import Answer, Outbound

__all__ = ["Facts", "RealmView"]

_POLICIES = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"


@dataclass(frozen=True, slots=True)
class RealmView:
    """Parts of one realm, as the admin API gives them (Keycloak's ClientScopeRepresentation and its neighbours)."""

    scopes: Mapping[str, Mapping[str, Any]]
    default_scopes: frozenset[str]
    optional_scopes: frozenset[str]
    offline_roles: frozenset[str]
    policies: tuple[Mapping[str, Any], ...]
    clients: int
    # Redirect URIs of the client of the pages of connected accounts; None without such a client.
    web_redirects: frozenset[str] | None = None


@dataclass(slots=True)
class Facts:
    """Everything one run knows. ``layout`` and ``record`` are None away from a checkout."""

    mcp_url: str
    outbound: Outbound = field(repr=False)
    clock: Clock
    environment: Mapping[str, str] = field(repr=False)
    layout: Layout | None = None
    record: Record | None = None
    ca_file: Path | None = None
    administrator: Administrator | None = None
    realm_name: str = "mcp"
    _realm: RealmView | None = None
    _resource: Mapping[str, Any] | None = None
    _accounts: bool | None = None

    @property
    def base(self) -> str:
        """The edge's origin."""
        return origin_of(self.mcp_url)

    async def get(self, url: str, **headers: str) -> Answer:
        """GET from the edge. Raises: UpstreamUnreachable, UpstreamAnswerUnusable."""
        return await self.outbound.request("GET", url, headers={k.replace("_", "-"): v for k, v in headers.items()})

    async def has_accounts(self) -> bool:
        """Whether this server has pages of connected accounts, by their API, which others do not have. Raises as ``get``."""
        place = Place(self.mcp_url)
        if self._accounts is None:
            self._accounts = (await self.get(f"{place.origin}{place.base}/api/connections")).status != 404
        return self._accounts

    async def resource(self) -> Mapping[str, Any]:
        """The protected-resource metadata (RFC 9728), read once. Raises as ``get``."""
        if self._resource is None:
            self._resource = await self.outbound.get_json(well_known(self.mcp_url, "oauth-protected-resource"))
        return self._resource

    async def issuer(self) -> str:
        """The first authorization server that the resource names; empty when it names none. Raises as ``get``."""
        named = (await self.resource()).get("authorization_servers")
        return str(named[0]) if isinstance(named, list) and named else ""

    async def realm(self) -> RealmView | None:
        """The realm, or None without an administrator. Raises: RealmRefused."""
        if self._realm is None and self.administrator is not None:
            self._realm = await asyncio.to_thread(_read_realm, self.administrator, self.realm_name)
        return self._realm

    def server_scopes(self, realm: RealmView) -> list[str]:
        """Client scopes of the realm that belong to MCP servers: ``<server>:<part>``."""
        return sorted(name for name in realm.scopes if ":" in name)

    @property
    def path(self) -> str:
        """The MCP endpoint's path."""
        return path_of(self.mcp_url)


def _read_realm(way_in: Administrator, name: str) -> RealmView:
    admin = RealmAdmin(way_in.url, way_in.username, way_in.password, realm=name)
    try:
        keycloak = admin.keycloak
        scopes = {scope["name"]: scope for scope in keycloak.get_client_scopes()}
        roles: list[Mapping[str, Any]] = []
        if "offline_access" in scopes:
            path = f"admin/realms/{name}/client-scopes/{scopes['offline_access']['id']}/scope-mappings/realm"
            roles = keycloak.connection.raw_get(path).json()
        parent, clients = keycloak.get_realm(name)["id"], keycloak.get_clients()
        web = next((client for client in clients if client["clientId"] == WEB_CLIENT), None)
        return RealmView(
            scopes=scopes,
            default_scopes=frozenset(scope["name"] for scope in keycloak.get_default_default_client_scopes()),
            optional_scopes=frozenset(scope["name"] for scope in keycloak.get_default_optional_client_scopes()),
            offline_roles=frozenset(role["name"] for role in roles),
            policies=tuple(keycloak.get_components({"type": _POLICIES, "parent": parent})),
            clients=len(clients),
            web_redirects=None if web is None else frozenset(web.get("redirectUris") or ()),
        )
    finally:
        admin.close()
