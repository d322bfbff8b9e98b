"""Each file of ``infra/keycloak`` as it would have to be for a realm that is there. Pure; the opposite of ``render``."""

import re
from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import urlsplit

from gatelodge.ops.realm.account import REALM_MANAGEMENT, SERVICE_ACCOUNT
from gatelodge.ops.realm.mappers import TARGETS
from gatelodge.ops.realm.memory import MEMORY
from gatelodge.ops.realm.placeholders import SECRET_DIGEST
from gatelodge.ops.realm.servers import MANAGED
from gatelodge.ops.realm.things import NOT_SETTINGS, REGISTRATION
from gatelodge.ops.realm.web import WEB_CLIENT, callback_of
from gatelodge.registration.predefined import PRODUCTS

__all__ = [
    "desk",
    "identity_providers",
    "policies",
    "predefined",
    "registration",
    "scopes",
    "secret_variable",
    "servers",
    "settings",
]

_Json = Mapping[str, Any]

_MAPS = frozenset({"attributes", "browserSecurityHeaders"})
_UNNAMEABLE = re.compile(r"[^A-Z0-9]+")


def settings(realm: _Json) -> dict[str, Any]:
    """``realm.yaml``."""
    found = {
        key: value
        for key, value in sorted(realm.items())
        if key not in NOT_SETTINGS and (key in _MAPS or not isinstance(value, Mapping))
    }
    found["attributes"] = {key: value for key, value in found.get("attributes", {}).items() if key not in MEMORY}
    return {"name": realm["realm"], "settings": found}


def scopes(realm: _Json, *, without: Container[str]) -> dict[str, Any]:
    """``scopes.yaml``: the client scopes that are assigned to new clients."""
    roles = {entry["clientScope"]: entry["roles"] for entry in realm["scopeMappings"]}
    return {
        scope["name"]: _scope(scope, _assigned(realm, scope["name"]), roles.get(scope["name"], []))
        for scope in realm["clientScopes"]
        if scope["name"] not in without and _assigned(realm, scope["name"])
    }


def servers(realm: _Json, *, public_base: str) -> list[dict[str, Any]]:
    """``servers/*.yaml``: scopes named ``<server>:<part>`` whose audience is one path below ``public_base``."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for scope in realm["clientScopes"]:
        server, colon, part = scope["name"].partition(":")
        mappers = {mapper["name"]: mapper for mapper in scope.get("protocolMappers") or ()}
        audience = (mappers.get("audience") or {}).get("config", {}).get("included.custom.audience", "")
        text = (scope.get("attributes") or {}).get("consent.screen.text", "")
        if colon and text and audience.startswith(f"{public_base}/") and _assigned(realm, scope["name"]) == "optional":
            found.setdefault((server, urlsplit(audience).path), {})[part] = text
    web: _Json = next((one for one in realm["clients"] if one["clientId"] == WEB_CLIENT), {})
    pages = {callback_of(public_base + path) for _, path in found} & set(web.get("redirectUris") or ())
    return [
        {
            "name": name,
            "path": path,
            "scopes": parts,
            **({"accounts": True} if callback_of(public_base + path) in pages else {}),
        }
        for (name, path), parts in found.items()
    ]


def registration(realm: _Json) -> dict[str, Any]:
    """``registration.yaml``: a rule for both kinds of registration is written once."""
    policies: list[dict[str, Any]] = []
    for component in sorted(realm["components"][REGISTRATION], key=lambda one: (one["name"], one["subType"])):
        config = {key: _value(value) for key, value in (component.get("config") or {}).items()}
        policy = {"name": component["name"], "provider": component["providerId"], "config": config}
        same = next((known for known in policies if {**known, "for": None} == {**policy, "for": None}), None)
        if same is None:
            policies.append({**policy, "for": [component["subType"]]})
        else:
            same["for"].append(component["subType"])
    return {"policies": policies}


def policies(realm: _Json) -> dict[str, Any]:
    """``client-policies.yaml``."""
    profiles = [
        {
            "name": profile["name"],
            "description": profile.get("description") or "",
            "executors": {one["executor"]: one.get("configuration") or {} for one in profile.get("executors") or ()},
        }
        for profile in realm["clientProfiles"]["profiles"]
    ]
    rules = [
        {
            "name": policy["name"],
            "description": policy.get("description") or "",
            "profiles": policy.get("profiles") or [],
            "conditions": {one["condition"]: one.get("configuration") or {} for one in policy.get("conditions") or ()},
        }
        for policy in realm["clientPolicies"]["policies"]
    ]
    return {"profiles": profiles, "policies": rules}


def desk(realm: _Json, account: str) -> dict[str, Any]:
    """``desk.yaml``; with the rights that the account has now."""
    client: _Json = next((one for one in realm["clients"] if one["clientId"] == account), {})
    user: _Json = next((one for one in realm["users"] if one.get(SERVICE_ACCOUNT) == account), {})
    return {
        "client_id": account,
        "description": client.get("description") or "The registration desk; managed by gatelodge",
        "rights": sorted((user.get("clientRoles") or {}).get(REALM_MANAGEMENT, ())) or ["view-clients"],
        "token_life": int((client.get("attributes") or {}).get("access.token.lifespan", 300)),
    }


def predefined(realm: _Json) -> dict[str, Any]:
    """``predefined-clients.yaml``: clients that such a file made."""
    made = (one for one in realm["clients"] if (one.get("attributes") or {}).get(MANAGED) == "true")
    ours = (one for one in made if one.get("standardFlowEnabled") and one["clientId"] != WEB_CLIENT)
    return {one["clientId"]: _predefined(one) for one in ours}


def identity_providers(realm: _Json) -> dict[str, Any]:
    """``identity-providers.yaml``; a secret's place is a variable named after the provider."""
    found: dict[str, Any] = {}
    for provider in realm.get("identityProviders", ()):
        config = {k: v for k, v in provider.get("config", {}).items() if k not in {"clientSecret", SECRET_DIGEST}}
        entry = {"provider": provider["providerId"], "enabled": provider.get("enabled", True), "config": config}
        if provider.get("displayName"):
            entry["display_name"] = provider["displayName"]
        if provider.get("trustEmail"):
            entry["trust_email"] = True
        if provider.get("firstBrokerLoginFlowAlias"):
            entry["first_login_flow"] = provider["firstBrokerLoginFlowAlias"]
        mappers = [
            one for one in realm.get("identityProviderMappers", ()) if one["identityProviderAlias"] == provider["alias"]
        ]
        if mappers:
            entry["mappers"] = {
                m["name"]: {"type": m["identityProviderMapper"], "config": m["config"]} for m in mappers
            }
        if "clientSecret" in provider.get("config", {}):
            entry["secret"] = {"env": secret_variable(provider["alias"])}
        found[provider["alias"]] = entry
    return found


def _assigned(realm: _Json, name: str) -> str:
    lists = (("default", "defaultDefaultClientScopes"), ("optional", "defaultOptionalClientScopes"))
    return next((kind for kind, member in lists if name in realm[member]), "")


def _scope(scope: _Json, assigned: str, roles: list[str]) -> dict[str, Any]:
    attributes = scope.get("attributes") or {}
    found: dict[str, Any] = {"assigned": assigned}
    if attributes.get("display.on.consent.screen") == "true" and attributes.get("consent.screen.text"):
        found["consent"] = attributes["consent.screen.text"]
    found["advertised"] = attributes.get("include.in.openid.provider.metadata", "true") == "true"
    found["in_claim"] = attributes.get("include.in.token.scope", "true") == "true"
    if roles:
        found["roles"] = roles
    found["mappers"] = {mapper["name"]: _mapper(mapper) for mapper in scope.get("protocolMappers") or ()}
    return found


def _mapper(mapper: _Json) -> dict[str, Any]:
    config = mapper.get("config") or {}
    claims = {f"{target}.token.claim" for target in TARGETS}
    return {
        "type": mapper["protocolMapper"],
        "into": [target for target in TARGETS if config.get(f"{target}.token.claim") == "true"],
        "config": {key: value for key, value in config.items() if key not in claims},
    }


def _predefined(client: _Json) -> dict[str, Any]:
    products = sorted(PRODUCTS, key=len, reverse=True)
    found: dict[str, Any] = {
        # The product only stands in for a name and redirects, which are written here.
        "product": next((name for name in products if client["clientId"].startswith(name)), products[0]),
        "redirects": client.get("redirectUris") or [],
    }
    if client.get("name"):
        found["name"] = client["name"]
    if not client.get("publicClient"):
        found["secret"] = {"env": secret_variable(client["clientId"])}
    return found


def secret_variable(name: str) -> str:
    """The variable that has the secret of a client or provider of that name."""
    return f"{_UNNAMEABLE.sub('_', name.upper()).strip('_0123456789')}_CLIENT_SECRET"


def _value(value: list[str]) -> str | list[str]:
    return value[0] if len(value) == 1 else value
