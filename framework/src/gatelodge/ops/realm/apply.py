"""A rendered realm made true in a running Keycloak, over its internal port.

The fingerprint is written last: an apply that was cut off is finished by the next one. Clients, consents, sessions and
what a person added stay. Not here: what has to be done (``plan``), and one step of it (``steps``).
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from keycloak import KeycloakAdmin

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.ops.realm.account import SERVICE_ACCOUNT, account_of
from gatelodge.ops.realm.connection import RealmRefused, connect, disconnect
from gatelodge.ops.realm.drift import Drift, find_drift
from gatelodge.ops.realm.export import export_realm
from gatelodge.ops.realm.memory import STAMP, fingerprint
from gatelodge.ops.realm.placeholders import filled_in
from gatelodge.ops.realm.plan import Plan, make_plan, remembered
from gatelodge.ops.realm.present import find_realm, read_realm
from gatelodge.ops.realm.render import refuse_master
from gatelodge.ops.realm.step import Step
from gatelodge.ops.realm.steps import Steps, write_attributes

__all__ = ["Outcome", "RealmAdmin", "RealmConflict", "RealmMissing", "RealmRefused", "RealmUnfinished"]

Outcome = Literal["created", "updated", "unchanged"]


class RealmConflict(GatelodgeError):
    """The files name something that a person made; nothing was changed."""

    code = Code.REALM_REFUSED


class RealmMissing(GatelodgeError):
    """There is no realm of that name."""

    code = Code.REALM_REFUSED


class RealmUnfinished(RealmRefused):
    """Keycloak refused a step, or went away: the steps before it are done."""

    def __init__(self, refusal: RealmRefused, done: int, plan: Plan) -> None:
        step = plan.steps[done] if done < len(plan.steps) else None
        at = f"{step.action} {step.kind} {step.name}" if step else "the last note in the realm"
        GatelodgeError.__init__(
            self,
            f"{refusal.detail}\n  at: {at}; {done} of {len(plan.steps)} steps are done, and the realm is marked unfinished",
            hint="Mend the cause and run the same command again: it goes on from what is there.",
        )
        self.answered = refusal.answered


class RealmAdmin:
    """The administrator of one realm; ``url`` is Keycloak's internal address, such as ``http://127.0.0.1:18080``."""

    def __init__(self, url: str, username: str, password: Secret, *, realm: str = "mcp") -> None:
        refuse_master(realm)
        self._admin = connect(url, username, password)
        self._admin.change_current_realm(realm)

    @property
    def keycloak(self) -> KeycloakAdmin:
        """python-keycloak's admin client, signed in, for what this class does not do."""
        return self._admin

    def ensure(self, realm: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ) -> Outcome:
        """Create the realm, bring it up to date, or leave it when nothing was rendered anew since the last time.

        Raises: RealmRefused, RealmConflict, RealmFilesInvalid (master, or a secret that is missing).
        """
        wanted = self._use(realm, environment)
        present = find_realm(self._admin, realm["realm"])
        stale = present is None or (present.get("attributes") or {}).get(STAMP) != fingerprint(wanted)
        if stale:
            self._carry_out(wanted, *self._planned(wanted))
        added = self._add_missing_users(realm.get("users", ())) if present is not None else 0
        return "created" if present is None else "updated" if stale or added else "unchanged"

    def plan(
        self, realm: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ, all_clients: bool = False
    ) -> Plan:
        """What ``apply`` would do; reads only. Raises: RealmRefused, RealmFilesInvalid."""
        return self._planned(self._use(realm, environment), all_clients=all_clients)[0]

    def apply(
        self,
        realm: Mapping[str, Any],
        *,
        environment: Mapping[str, str] = os.environ,
        all_clients: bool = False,
        done: Callable[[Step], None] | None = None,
    ) -> Plan:
        """Plan and do it; ``done`` hears of each step after it. Raises: RealmUnfinished and as ``ensure``."""
        wanted = self._use(realm, environment)
        plan, present = self._planned(wanted, all_clients=all_clients)
        self._carry_out(wanted, plan, present, done)
        return plan

    def drift(self, realm: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ) -> Drift:
        """What differs now, and who changed it; reads only. Raises: RealmMissing, RealmRefused, RealmFilesInvalid."""
        wanted = self._use(realm, environment)
        plan, present = self._planned(wanted)
        if present is None:
            raise _missing(plan.realm)
        return find_drift(wanted, present, plan, account=account_of(wanted))

    def export(self, realm: Mapping[str, Any], folder: Path, *, public_base: str) -> tuple[str, ...]:
        """The realm of that name as files; gives what they do not say. Raises: RealmMissing, ExportRefused, OSError."""
        name, account = realm["realm"], account_of(realm)
        self._admin.change_current_realm(name)
        present = read_realm(self._admin, name, account=account)
        if present is None:
            raise _missing(name)
        return export_realm(present, folder, public_base=public_base, account=account)

    def delete_client(self, client_id: str) -> None:
        """Remove the client with this ``client_id``; one that is not there is no error. Raises: RealmRefused."""
        identifier = self._admin.get_client_id(client_id)
        if identifier is not None:
            self._admin.delete_client(identifier)

    def close(self) -> None:
        """End the admin session at Keycloak and close the connections; using it again signs in again."""
        disconnect(self._admin)

    def _use(self, realm: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
        refuse_master(realm["realm"])
        self._admin.change_current_realm(realm["realm"])
        return filled_in(realm, environment)

    def _planned(
        self, wanted: Mapping[str, Any], *, all_clients: bool = False
    ) -> tuple[Plan, Mapping[str, Any] | None]:
        account = account_of(wanted)
        present = read_realm(self._admin, wanted["realm"], account=account)
        return make_plan(wanted, present, account=account, all_clients=all_clients), present

    def _carry_out(
        self,
        wanted: Mapping[str, Any],
        plan: Plan,
        present: Mapping[str, Any] | None,
        done: Callable[[Step], None] | None = None,
    ) -> None:
        if plan.conflicts:
            raise RealmConflict("\n  ".join(plan.conflicts), hint="Nothing was changed. Do as each line says.")
        if present is None:
            attributes = {**wanted.get("attributes", {}), **remembered(wanted)}
            self._admin.create_realm({**wanted, "attributes": attributes})
            if done:
                done(plan.steps[0])
        elif plan.steps:
            self._in_order(plan, present, done)

    def _in_order(self, plan: Plan, present: Mapping[str, Any], done: Callable[[Step], None] | None) -> None:
        finished = 0
        try:
            steps = Steps(self._admin, present)
            if any(step.kind != "memory" for step in plan.steps):
                # Ahead of the first change: what is cut off after it must know the things that it made.
                write_attributes(self._admin, plan.realm, plan.intent.attributes())
            for step in plan.steps:
                steps.do(step)
                finished += 1
                if done:
                    done(step)
            write_attributes(self._admin, plan.realm, plan.memory.attributes())
        except RealmRefused as refusal:
            raise RealmUnfinished(refusal, finished, plan) from refusal

    def _add_missing_users(self, users: Iterable[Mapping[str, Any]]) -> int:
        """Users are made when missing and never changed: their passwords and names are theirs by then."""
        added = 0
        for user in users:
            if SERVICE_ACCOUNT in user:
                # Keycloak makes it together with its client.
                continue
            if not self._admin.get_users({"username": user["username"], "exact": "true"}):
                # Keycloak gives the default roles to a user made here, and refuses none: realmRoles is for imports.
                self._admin.create_user({key: value for key, value in user.items() if key != "realmRoles"})
                added += 1
        return added


def _missing(name: str) -> RealmMissing:
    return RealmMissing(f"Keycloak has no realm {name}", hint="gatelodge realm apply makes it.")
