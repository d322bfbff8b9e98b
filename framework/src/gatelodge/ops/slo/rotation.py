"""A key rotation at Keycloak: a new RSA key signs, the one before only verifies, and in the end all is as it was.

Invariant: the added key's name says which keys were made passive for it, so that a rotation that was cut off is undone by
the next run. Calls block; the caller gives them a thread.
"""

from typing import Any

from gatelodge.ops.realm.apply import RealmAdmin

__all__ = ["rotate", "undo"]

_TYPE = "org.keycloak.keys.KeyProvider"
_NAME = "gatelodge-slo for "
_SIGNING = "rsa-generated"


def rotate(admin: RealmAdmin) -> None:
    """Add an active key, make those before passive. Raises: RealmRefused."""
    undo(admin)
    before = [key for key in _keys(admin) if key["providerId"] == _SIGNING and _value(key, "active") != "false"]
    highest = max((int(_value(key, "priority") or 0) for key in before), default=100)
    admin.keycloak.create_component(
        {
            "name": _NAME + ",".join(key["id"] for key in before),
            "providerId": _SIGNING,
            "providerType": _TYPE,
            "parentId": _realm(admin),
            "config": {
                "priority": [str(highest + 100)],
                "enabled": ["true"],
                "active": ["true"],
                "algorithm": ["RS256"],
                "keySize": ["2048"],
            },
        }
    )
    for key in before:
        _activate(admin, key, on=False)


def undo(admin: RealmAdmin) -> int:
    """Make active what a rotation of ours made passive, then remove the added key. Returns how many were removed."""
    keys = {key["id"]: key for key in _keys(admin)}
    ours = [key for key in keys.values() if str(key.get("name", "")).startswith(_NAME)]
    for added in ours:
        for identifier in str(added["name"]).removeprefix(_NAME).split(","):
            if identifier in keys:
                _activate(admin, keys[identifier], on=True)
        admin.keycloak.delete_component(added["id"])
    return len(ours)


def _activate(admin: RealmAdmin, key: dict[str, Any], *, on: bool) -> None:
    config = {**key.get("config", {}), "active": [str(on).lower()]}
    admin.keycloak.update_component(key["id"], {**key, "config": config})


def _keys(admin: RealmAdmin) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.keycloak.get_components({"type": _TYPE})
    return found


def _realm(admin: RealmAdmin) -> str:
    return str(admin.keycloak.get_realm(str(admin.keycloak.get_current_realm()))["id"])


def _value(key: dict[str, Any], name: str) -> str:
    return str((key.get("config", {}).get(name) or [""])[0])
