"""``service-clients.yaml`` as it would have to be for a realm that is there. Pure; the opposite of ``services``."""

from collections.abc import Iterable, Mapping
from typing import Any

from gatelodge.ops.realm.export_parts import secret_variable
from gatelodge.ops.realm.servers import MANAGED
from gatelodge.ops.realm.services import TOKENS_SCOPE

__all__ = ["service_entries"]


def service_entries(
    realm: Mapping[str, Any], servers: Iterable[Mapping[str, Any]], *, public_base: str
) -> dict[str, Any]:
    """Our clients with the scope of users' tokens, each at the server of its audience; a secret's place is a variable."""
    by_url = {public_base + server["path"]: server["name"] for server in servers}
    found: dict[str, Any] = {}
    for client in realm["clients"]:
        named = by_url.get(_audience(client))
        if not _ours(client) or named is None:
            continue
        name = client["clientId"]
        entry = {"server": named, "secret": {"env": secret_variable(name)}}
        found[name] = entry | ({"description": client["description"]} if client.get("description") else {})
    return found


def _ours(client: Mapping[str, Any]) -> bool:
    managed = (client.get("attributes") or {}).get(MANAGED) == "true"
    return managed and TOKENS_SCOPE in (client.get("defaultClientScopes") or ())


def _audience(client: Mapping[str, Any]) -> str:
    mappers = {mapper["name"]: mapper for mapper in client.get("protocolMappers") or ()}
    config = (mappers.get("audience") or {}).get("config") or {}
    return str(config.get("included.custom.audience", ""))
