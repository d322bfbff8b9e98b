"""Where the realm is and how to sign in to it as the desk: from a native stack's state folder, or from the environment.

Invariant: the same account as the desk's, with its rights and no more; the administrator's password is not read.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.ops.stack.layout import find_checkout
from gatelodge.outbound.client import Outbound
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.reaper import ReapPolicy
from gatelodge.registration.service_account import ServiceAccount
from gatelodge.settings.desk import DESK_CLIENT_ID, DeskSettings
from gatelodge.settings.load import load

__all__ = ["Place", "PlaceUnknown", "find_place", "from_environment", "from_state", "opened"]


class PlaceUnknown(GatelodgeError):
    """Neither a running stack nor a deployment's variables say where Keycloak is."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True, slots=True)
class Place:
    """The realm of one deployment; ``mcp_url`` is empty where only the servers know theirs."""

    issuer: str
    realm_url: str
    secret: Secret
    ca_file: Path | None
    mcp_url: str
    scopes: tuple[str, ...]
    redirects: RegistrationPolicy
    reaping: ReapPolicy


def find_place(state: Path | None) -> Place:
    """The named state folder; else the deployment of the desk's variables; else this checkout's stack.

    Raises: PlaceUnknown, SettingsInvalid, CheckoutMissing.
    """
    if state is not None:
        return from_state(state)
    if os.environ.get("GATELODGE_ISSUER_INTERNAL_URL"):
        return from_environment()
    return from_state(find_checkout(Path.cwd()) / ".gatelodge")


def from_state(state: Path) -> Place:
    """The native stack of a state folder. Raises: PlaceUnknown."""
    try:
        record = json.loads((state / "state.json").read_text(encoding="utf-8"))
        internal = json.loads((state / "internal.json").read_text(encoding="utf-8"))
        secret = Secret((state / "secrets" / "desk").read_text(encoding="utf-8").strip())
        issuer, mcp_url = str(record["urls"]["issuer"]), str(record["urls"]["mcp_url"])
        realm_url = f"{internal['keycloak_url']}/realms/{issuer.rpartition('/')[2]}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        unread = "" if isinstance(error, FileNotFoundError) else f", or what it left cannot be read: {error}"
        raise PlaceUnknown(
            f"no stack was ever up in {state}{unread}",
            hint="Run gatelodge up, or name its folder by --state-dir. For a deployment set the desk's variables"
            " (GATELODGE_ISSUER, GATELODGE_ISSUER_INTERNAL_URL, GATELODGE_DESK_SECRET_FILE).",
        ) from error
    return Place(issuer, realm_url, secret, None, mcp_url, (), RegistrationPolicy(), ReapPolicy())


def from_environment() -> Place:
    """A deployment, by the desk's own variables. Raises: SettingsInvalid, PlaceUnknown."""
    settings = load(DeskSettings)
    if settings.desk_secret is None:
        raise PlaceUnknown(
            "GATELODGE_DESK_SECRET and GATELODGE_DESK_SECRET_FILE are not set: there is no account to look with",
            hint="Set one of them to the secret that the desk of this deployment has.",
        )
    return Place(
        settings.issuer,
        settings.issuer_internal_url,
        settings.desk_secret,
        settings.ca_file,
        "",
        tuple(sorted(settings.scopes)),
        settings.registration_policy(),
        settings.reap_policy(),
    )


@asynccontextmanager
async def opened(place: Place, clock: Clock) -> AsyncIterator[KeycloakClients]:
    """The realm's clients, as long as the block runs."""
    outbound = Outbound(ca_file=place.ca_file, timeout=30.0, max_bytes=8 << 20)
    try:
        account = ServiceAccount(
            outbound, realm_url=place.realm_url, client_id=DESK_CLIENT_ID, secret=place.secret, clock=clock
        )
        yield KeycloakClients(outbound, account, realm_url=place.realm_url)
    finally:
        await outbound.aclose()
