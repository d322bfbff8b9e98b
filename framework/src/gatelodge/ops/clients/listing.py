"""The realm's clients as an operator sees them: who made each, when it was last used, who has a session.

Invariant: no secret, no registration token. Names that strangers chose are printable and on one line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.registration.body import display_name
from gatelodge.registration.keycloak_clients import KeycloakClients, SessionCount
from gatelodge.registration.marks import MADE_AT, SEEN_AT, made_by, moment

__all__ = ["ClientUnknown", "Listed", "list_clients", "render_client", "render_list", "show_client"]

_NONE = SessionCount(0, 0)


class ClientUnknown(GatelodgeError):
    """The realm has no client of this id."""

    code = Code.REALM_REFUSED


@dataclass(frozen=True, slots=True)
class Listed:
    """One client; moments in UTC, ``made_by`` None for one that a person made."""

    client_id: str
    name: str
    made_by: str | None
    made_at: str | None
    seen_at: str | None
    enabled: bool
    public: bool
    active_sessions: int
    offline_sessions: int
    redirect_uris: tuple[str, ...]
    optional_scopes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


async def list_clients(clients: KeycloakClients) -> list[Listed]:
    """Every client but Keycloak's own; first those made last. Raises: RegistrarUnavailable, RegistrarRefused."""
    found = [client async for client in clients.all() if _of_interest(client)]
    counts = await clients.sessions(found)
    listed = [_listed(client, counts.get(client["clientId"], _NONE)) for client in found]
    return sorted(listed, key=lambda client: (client.made_at or "", client.client_id), reverse=True)


async def show_client(clients: KeycloakClients, client_id: str) -> Listed:
    """One client. Raises: ClientUnknown, RegistrarUnavailable, RegistrarRefused."""
    found = await clients.find(client_id)
    if found is None:
        raise ClientUnknown(
            f"the realm has no client {display_name(client_id)!r}", hint="gatelodge clients list shows all of them."
        )
    counts = await clients.sessions([found])
    return _listed(found, counts.get(client_id, _NONE))


def render_list(listed: Sequence[Listed]) -> str:
    """A table for a terminal."""
    if not listed:
        return "no clients yet: none has registered"
    rows = [("CLIENT ID", "NAME", "MADE BY", "MADE", "SEEN IN USE", "SESSIONS")]
    rows += [
        (
            client.client_id,
            client.name or "-",
            client.made_by or "a person",
            client.made_at or "-",
            client.seen_at or "-",
            _sessions(client),
        )
        for client in listed
    ]
    widths = [min(60, max(len(row[column]) for row in rows)) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"{len(listed)} clients; gatelodge clients show CLIENT_ID says more"])


def render_client(client: Listed) -> str:
    """A few lines about one client."""
    rows = {
        "Client ID": client.client_id,
        "Name": client.name or "-",
        "Made by": client.made_by or "a person (the desk never changes it)",
        "Made": client.made_at or "-",
        "Seen in use": client.seen_at or "never by the reaper",
        "Sessions": _sessions(client),
        "Kind": "public" if client.public else "confidential (with a secret or a key)",
        "State": "enabled" if client.enabled else "disabled",
        "May ask for": " ".join(client.optional_scopes) or "-",
    }
    lines = [f"{label + ':':<13}{value}" for label, value in rows.items()]
    return "\n".join([*lines, "Redirects:", *(f"  {uri}" for uri in client.redirect_uris)])


def _of_interest(client: Mapping[str, Any]) -> bool:
    # Keycloak's own clients, and the desk's account, are no MCP clients.
    return made_by(client) is not None or (
        client.get("standardFlowEnabled") is True and not str(client.get("name", "")).startswith("${client_")
    )


def _listed(client: Mapping[str, Any], count: SessionCount) -> Listed:
    return Listed(
        client_id=str(client["clientId"]),
        name=display_name(client.get("name")),
        made_by=made_by(client),
        made_at=_day(moment(client, MADE_AT)),
        seen_at=_day(moment(client, SEEN_AT)),
        enabled=bool(client.get("enabled", True)),
        public=bool(client.get("publicClient", False)),
        active_sessions=count.active,
        offline_sessions=count.offline,
        redirect_uris=tuple(client.get("redirectUris") or ()),
        optional_scopes=tuple(sorted(client.get("optionalClientScopes") or ())),
    )


def _sessions(client: Listed) -> str:
    if not client.active_sessions and not client.offline_sessions:
        return "none"
    return f"{client.active_sessions} active, {client.offline_sessions} offline"


def _day(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
