"""A realm as a flat list of things with fields, so that a rendered realm and a present one can be compared.

Both are read from the same RealmRepresentation, so a thing has the same name and the same fields on either side.
Pure. Not here: what follows from a difference (``plan``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from gatelodge.ops.realm.account import REALM_MANAGEMENT, SERVICE_ACCOUNT
from gatelodge.ops.realm.memory import MEMORY
from gatelodge.ops.realm.servers import MANAGED

__all__ = [
    "KINDS",
    "NOT_SETTINGS",
    "REGISTRATION",
    "USER_PROFILE",
    "USER_PROFILE_MEMBER",
    "Key",
    "Kind",
    "Thing",
    "canonical",
    "is_secret",
    "profile_of",
    "things_of",
]

_Json = Mapping[str, Any]

REGISTRATION = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"

# Of a realm's components: the user profile, whole and as text, in one member of its configuration.
USER_PROFILE, USER_PROFILE_MEMBER = "org.keycloak.userprofile.UserProfileProvider", "kc.user.profile.config"

Kind = Literal[
    "realm",
    "user-attribute",
    "client-scope",
    "client",
    "mapper",
    "scope-role",
    "assignment",
    "rights",
    "registration-policy",
    "client-profile",
    "client-policy",
    "identity-provider",
    "identity-provider-mapper",
]
# In the order in which they can be made: each needs only what comes before it.
KINDS: tuple[Kind, ...] = get_args(Kind)

# Members of a realm that are things of their own, or are no settings.
NOT_SETTINGS = frozenset(
    {
        "id",
        "realm",
        "clientScopes",
        "defaultDefaultClientScopes",
        "defaultOptionalClientScopes",
        "scopeMappings",
        "components",
        "clientProfiles",
        "clientPolicies",
        "clients",
        "clientScopeMappings",
        "identityProviders",
        "identityProviderMappers",
        "users",
    }
)
# Never compared by a digest, never shown.
_SECRETS = frozenset({"secret"})


class Key(NamedTuple):
    """What a thing is known by; a mapper or a role is named by its owner first: ``<client scope>/<mapper>``."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a realm: fields by dotted name, and the representation they come from."""

    key: Key
    fields: _Json = field(repr=False)
    source: _Json = field(repr=False)
    parent: Key | None = None

    @property
    def identifier(self) -> str:
        """Keycloak's id; empty for a rendered thing."""
        return str(self.source.get("id", ""))

    @property
    def marked(self) -> bool | None:
        """Whether it says that these files made it; None for a kind that cannot say."""
        if self.key.kind not in {"client-scope", "client"}:
            return None
        return (self.source.get("attributes") or {}).get(MANAGED) == "true"


def things_of(realm: _Json) -> dict[Key, Thing]:
    """Everything in a realm that files can make, by key, in the order of making."""
    found = {thing.key: thing for thing in _things(realm)}
    return dict(sorted(found.items(), key=lambda item: KINDS.index(item[0].kind)))


def profile_of(realm: _Json) -> dict[str, Any]:
    """The user profile that is written in a realm's components; empty where none is."""
    for component in (realm.get("components") or {}).get(USER_PROFILE, ()):
        for text in (component.get("config") or {}).get(USER_PROFILE_MEMBER, ()):
            found: dict[str, Any] = json.loads(text)
            return found
    return {}


def canonical(value: Any) -> Any:
    """A value as it is compared: Keycloak keeps no order of lists, no empty text and, in places, no type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return {key: canonical(one) for key, one in sorted(value.items()) if canonical(one) != ""}
    if isinstance(value, list | tuple):
        ordered = sorted((canonical(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
        return ordered or ""
    return "" if value is None else str(value)


def is_secret(name: str) -> bool:
    """Whether a field's value may never be shown."""
    return name in _SECRETS


def _things(realm: _Json) -> Iterator[Thing]:
    settings = {key: value for key, value in realm.items() if key not in NOT_SETTINGS}
    attributes = {key: value for key, value in (settings.get("attributes") or {}).items() if key not in MEMORY}
    yield Thing(Key("realm", realm["realm"]), _flat({**settings, "attributes": attributes}), realm)
    for attribute in profile_of(realm).get("attributes", ()):
        fields = {name: value for name, value in attribute.items() if name != "name"}
        yield Thing(Key("user-attribute", attribute["name"]), fields, attribute)
    yield from _client_scopes(realm)
    for component in (realm.get("components") or {}).get(REGISTRATION, ()):
        config = {key: list(value) for key, value in (component.get("config") or {}).items()}
        fields = _flat({"providerId": component["providerId"], "config": config})
        yield Thing(Key("registration-policy", f"{component['name']} ({component['subType']})"), fields, component)
    for client in realm.get("clients", ()):
        yield from _client(client)
    yield from _rights(realm)
    for profile in _members(realm, "clientProfiles", "profiles"):
        yield Thing(Key("client-profile", profile["name"]), _chosen(profile, "description", "executors"), profile)
    for policy in _members(realm, "clientPolicies", "policies"):
        fields = _chosen(policy, "description", "enabled", "conditions", "profiles")
        yield Thing(Key("client-policy", policy["name"]), fields, policy)
    for provider in realm.get("identityProviders", ()):
        fields = _flat({key: value for key, value in provider.items() if key not in {"alias", "internalId", "types"}})
        # Keycloak never gives it back; a digest beside it says whether it is another one.
        fields.pop("config.clientSecret", None)
        yield Thing(Key("identity-provider", provider["alias"]), fields, provider)
    for mapper in realm.get("identityProviderMappers", ()):
        fields = _flat(_chosen(mapper, "identityProviderMapper", "config"))
        parent = Key("identity-provider", mapper["identityProviderAlias"])
        yield Thing(Key("identity-provider-mapper", f"{parent.name}/{mapper['name']}"), fields, mapper, parent)


def _client_scopes(realm: _Json) -> Iterator[Thing]:
    default, optional = (realm.get(f"default{kind}ClientScopes", ()) for kind in ("Default", "Optional"))
    for scope in realm.get("clientScopes", ()):
        name = scope["name"]
        key = Key("client-scope", name)
        yield Thing(key, _flat(_chosen(scope, "description", "protocol", "attributes")), scope)
        yield from _mappers(key, name, scope)
        # On its own, because it comes last: a scope that new clients get must be complete by then.
        for kind, names in (("default", default), ("optional", optional)):
            if name in names:
                yield Thing(Key("assignment", name), {"assigned": kind}, {}, key)
    for mapping in realm.get("scopeMappings", ()):
        if scope := mapping.get("clientScope"):
            for role in mapping["roles"]:
                yield Thing(Key("scope-role", f"{scope}/{role}"), {"role": role}, {}, Key("client-scope", scope))


def _client(client: _Json) -> Iterator[Thing]:
    key = Key("client", client["clientId"])
    without = {"id", "clientId", "protocolMappers", "access"}
    yield Thing(key, _flat({name: value for name, value in client.items() if name not in without}), client)
    yield from _mappers(key, f"client {client['clientId']}", client)


def _mappers(parent: Key, place: str, owner: _Json) -> Iterator[Thing]:
    for mapper in owner.get("protocolMappers") or ():
        fields = _flat(_chosen(mapper, "protocol", "protocolMapper", "config"))
        yield Thing(Key("mapper", f"{place}/{mapper['name']}"), fields, mapper, parent)


def _rights(realm: _Json) -> Iterator[Thing]:
    """The rights of accounts: what their user holds, and what their tokens may carry."""
    mappings = (realm.get("clientScopeMappings") or {}).get(REALM_MANAGEMENT, ())
    carried = {entry["client"]: sorted(entry["roles"]) for entry in mappings}
    for user in realm.get("users", ()):
        if client_id := user.get(SERVICE_ACCOUNT):
            held = sorted((user.get("clientRoles") or {}).get(REALM_MANAGEMENT, ()))
            fields = {"held": held, "in tokens": carried.get(client_id, [])}
            yield Thing(Key("rights", client_id), fields, user, Key("client", client_id))


def _members(realm: _Json, member: str, part: str) -> Iterable[_Json]:
    found: Iterable[_Json] = (realm.get(member) or {}).get(part) or ()
    return found


def _chosen(source: _Json, *names: str) -> dict[str, Any]:
    return {name: source[name] for name in names if name in source}


def _flat(source: _Json) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in source.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            flat[name] = value
    return flat
