"""Protocol mappers as Keycloak wants them, and those that more than one file of the realm brings.

Invariant: each says of all four kinds of token whether it writes into them, so that no default of Keycloak counts. Pure.
"""

from typing import Any

from gatelodge.ops.realm.files import Mapper, Target

__all__ = ["TARGETS", "attribute", "audience", "protocol_mapper"]

TARGETS: tuple[Target, ...] = ("access", "id", "userinfo", "introspection")


def protocol_mapper(name: str, mapper: Mapper) -> dict[str, Any]:
    """One mapper as a Keycloak ProtocolMapperRepresentation."""
    targets = {f"{target}.token.claim": "true" if target in mapper.into else "false" for target in TARGETS}
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": mapper.type,
        "config": targets | mapper.config,
    }


def audience(url: str) -> Mapper:
    """Puts that exact URL into ``aud`` of access tokens (RFC 8707)."""
    return Mapper(
        type="oidc-audience-mapper",
        into=("access", "introspection"),
        # A lightweight token would lose the audience otherwise, and with it every use.
        config={"included.custom.audience": url, "lightweight.claim": "true"},
    )


def attribute(name: str, *, claim: str, into: tuple[Target, ...] = ("access", "introspection")) -> Mapper:
    """Writes a user's attribute, as text, into a claim."""
    return Mapper(
        type="oidc-usermodel-attribute-mapper",
        into=into,
        config={"user.attribute": name, "claim.name": claim, "jsonType.label": "String"},
    )
