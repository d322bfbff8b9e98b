"""A realm of Keycloak written as files in the form of ``infra/keycloak``, without secrets.

What was written is rendered again and compared with the realm: that comparison is the list of what files cannot say, so
nothing is left out silently. Not here: reading the realm (``present``).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.realm.export_parts import (
    desk,
    identity_providers,
    policies,
    predefined,
    registration,
    scopes,
    servers,
    settings,
)
from gatelodge.ops.realm.export_services import service_entries
from gatelodge.ops.realm.patches import BUILT_IN
from gatelodge.ops.realm.plan import differences
from gatelodge.ops.realm.render import render_realm
from gatelodge.ops.realm.things import Thing, is_secret, profile_of, things_of
from gatelodge.registration.marks import made_by

__all__ = ["ExportRefused", "export_realm"]


class ExportRefused(GatelodgeError):
    """The folder has something in it already."""

    code = Code.SETTINGS_INVALID


def export_realm(present: Mapping[str, Any], folder: Path, *, public_base: str, account: str) -> tuple[str, ...]:
    """Write the files into ``folder``, which is new or empty; gives what they do not say, a line each.

    Raises: ExportRefused, RealmFilesInvalid (nothing that could be rendered), OSError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ExportRefused(f"{folder} is not empty", hint="Name a new folder: an export overwrites nothing.")
    found = servers(present, public_base=public_base)
    files: dict[str, Any] = {
        "realm.yaml": settings(present),
        "scopes.yaml": scopes(present, without={f"{server['name']}:{p}" for server in found for p in server["scopes"]}),
        "registration.yaml": registration(present),
        "client-policies.yaml": policies(present),
        "desk.yaml": desk(present, account),
        **{f"servers/{server['name']}.yaml": server for server in found},
    }
    further = {
        "predefined-clients.yaml": predefined(present),
        "service-clients.yaml": service_entries(present, found, public_base=public_base),
        "identity-providers.yaml": identity_providers(present),
        "user-profile.yaml": profile_of(present),
    }
    for name, content in {**files, **{name: content for name, content in further.items() if content}}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
        path.write_text(f"# Exported from the realm {present['realm']}.\n{text}", encoding="utf-8")
    return (*_unsaid(present, render_realm(folder, public_base=public_base)), *_never(present))


def _unsaid(present: Mapping[str, Any], written: Mapping[str, Any]) -> Iterable[str]:
    files, there = things_of(written), things_of(present)
    counted = 0
    for key, thing in there.items():
        parent = thing.parent
        if key.kind == "client" and made_by(thing.source) is not None and key not in files:
            counted += 1
        elif key not in files and not _built_in(thing) and (parent is None or parent in files):
            yield f"{key.kind} {key.name}"
        elif key in files and key.kind != "realm":
            changes = (change for change in differences(files[key], thing) if not is_secret(change.name))
            yield from (f"{key.kind} {key.name}: {change.name}" for change in changes)
    if counted:
        yield f"{counted} clients that registered, or were made by gatelodge clients add"


def _built_in(thing: Thing) -> bool:
    return thing.key.kind == "client" and thing.key.name in BUILT_IN


def _never(present: Mapping[str, Any]) -> Iterable[str]:
    yield "users, groups, roles, sessions, keys, sign-in flows, and every secret"
    if present.get("smtpServer"):
        yield "smtpServer: the mail server, which has a password"
