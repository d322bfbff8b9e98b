"""Steps that change how people sign in, done in Keycloak: identity providers, their mappers, the user profile.

Not here: which steps, and in which order (``plan``), and all others (``steps``).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from keycloak import KeycloakAdmin

from gatelodge.ops.realm.placeholders import SECRET_DIGEST
from gatelodge.ops.realm.present import read_profile
from gatelodge.ops.realm.step import Step, merged, present_of, wanted_of

__all__ = ["sign_in_steps"]


def sign_in_steps(admin: KeycloakAdmin, realm: str) -> Mapping[str, Callable[[Step], None]]:
    """What does a step, by its kind."""
    return {
        "identity-provider": lambda step: _provider(admin, step),
        "identity-provider-mapper": lambda step: _mapper(admin, realm, step),
        "user-attribute": lambda step: _attribute(admin, realm, step),
    }


def _provider(admin: KeycloakAdmin, step: Step) -> None:
    if step.action == "delete":
        admin.delete_idp(step.name)
    elif step.action == "create":
        admin.create_idp(dict(wanted_of(step).source))
    else:
        changed = merged(admin.get_idp(step.name), step)
        # What Keycloak shows in place of the secret means: as it was.
        if any(change.name == f"config.{SECRET_DIGEST}" for change in step.changes):
            changed["config"]["clientSecret"] = wanted_of(step).source["config"].get("clientSecret", "")
        admin.update_idp(step.name, changed)


def _mapper(admin: KeycloakAdmin, realm: str, step: Step) -> None:
    path = f"admin/realms/{realm}/identity-provider/instances/{step.name.partition('/')[0]}/mappers"
    if step.action == "delete":
        admin.connection.raw_delete(f"{path}/{present_of(step).identifier}")
    elif step.action == "create":
        admin.connection.raw_post(path, data=json.dumps(wanted_of(step).source))
    else:
        changed = merged(present_of(step).source, step)
        admin.connection.raw_put(f"{path}/{present_of(step).identifier}", data=json.dumps(changed))


def _attribute(admin: KeycloakAdmin, realm: str, step: Step) -> None:
    """One attribute of the user profile. Keycloak replaces the profile whole, so the rest is sent back as read."""
    profile = read_profile(admin, realm)
    attributes: list[dict[str, Any]] = profile["attributes"]
    if step.action == "create":
        attributes.append(dict(wanted_of(step).source))
    elif step.action == "update":
        attributes = [{**one, **_changed(step)} if one["name"] == step.name else one for one in attributes]
    else:
        attributes = [one for one in attributes if one["name"] != step.name]
    changed = json.dumps({**profile, "attributes": attributes})
    admin.connection.raw_put(f"admin/realms/{realm}/users/profile", data=changed)


def _changed(step: Step) -> dict[str, Any]:
    # Each field is whole: a name in it has dots of its own.
    return {change.name: change.after for change in step.changes}
