"""Client scopes given to clients that registered before a scope was there: Keycloak gives them to new clients only.

Pure. Invariants: a client without the desk's mark is a person's and is left alone unless asked for; a scope that was given
once is not given again, so what a person took from a client stays taken. A deleted client scope leaves every client by
itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gatelodge.ops.realm.step import Change, Step
from gatelodge.ops.realm.things import Key, Thing
from gatelodge.ops.realm.web import WEB_CLIENT
from gatelodge.registration.marks import made_by

__all__ = ["BUILT_IN", "patches"]

# Keycloak's own clients in every realm.
BUILT_IN = frozenset(
    {"account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console"}
)


def patches(
    clients: Iterable[Mapping[str, Any]],
    assigned: Mapping[str, str],
    given: Mapping[str, str],
    leaving: Iterable[str],
    *,
    account: str,
    everyone: bool,
) -> Iterator[Step]:
    """One step for each client that lacks a scope newly ``assigned`` (name to default or optional), or loses one."""
    new = {name: kind for name, kind in assigned.items() if given.get(name) != kind}
    lost = set(leaving)
    for client in clients:
        if client["clientId"] in BUILT_IN or client["clientId"] in {account, WEB_CLIENT}:
            continue
        of_desk = made_by(client) is not None
        if not of_desk and not everyone:
            continue
        if not client.get("standardFlowEnabled"):
            continue
        changes = tuple(_changes(client, assigned if everyone else new, lost))
        if changes:
            thing = Thing(Key("client", client["clientId"]), {}, client)
            reason = "registered before the scopes changed" if of_desk else "asked for by --all-clients"
            yield Step("patch-client", "client", client["clientId"], changes, reason, None, thing)


def _changes(client: Mapping[str, Any], wanted: Mapping[str, str], lost: set[str]) -> Iterator[Change]:
    has = {name: kind for kind in ("default", "optional") for name in client.get(f"{kind}ClientScopes") or ()}
    for name, kind in wanted.items():
        if has.get(name) != kind:
            yield Change(f"scope {name}", has.get(name), kind)
    for name in sorted(lost & has.keys()):
        yield Change(f"scope {name}", has[name], None)
