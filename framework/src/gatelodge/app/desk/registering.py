"""What registered clients need, made from the desk's settings: limits, folding, management and the reaper.

Not here: client documents (``parts``), what any of it decides (``registration``).
"""

from dataclasses import dataclass

from starlette.routing import Route

from gatelodge.app.desk.auditing import DeskAudit
from gatelodge.app.desk.background import Job
from gatelodge.app.desk.management import Management, management_routes
from gatelodge.app.desk.registrations import Registrations
from gatelodge.app.documents import shared
from gatelodge.core.clock import Clock
from gatelodge.core.urls import path_of
from gatelodge.outbound.client import Outbound
from gatelodge.ratelimit.limit import Limits
from gatelodge.ratelimit.rate import Rate
from gatelodge.registration.folding import Folding
from gatelodge.registration.forward import ENDPOINT
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.limits import RegistrationLimits
from gatelodge.registration.reaper import Cursor, SweepReport, sweep
from gatelodge.settings.desk import DeskSettings

__all__ = ["RegistrationParts", "registration_parts"]

SWEEP_EVERY = 3600.0
# Of a host's new clients one address has at most this part, once the host's number is used up.
_SHARE = 60


@dataclass(frozen=True, slots=True)
class RegistrationParts:
    """Routes and background work of registered clients; no reaper without an account at Keycloak."""

    routes: list[Route]
    jobs: list[Job]


def registration_parts(
    settings: DeskSettings,
    outbound: Outbound,
    clients: KeycloakClients | None,
    limits: Limits,
    clock: Clock,
    *,
    audit: DeskAudit,
) -> RegistrationParts:
    """The parts. Raises: RegistrationPolicyInvalid."""
    policy = settings.registration_policy()
    keycloak, endpoint = settings.issuer_internal_url, settings.issuer + ENDPOINT
    counted = RegistrationLimits(
        addresses=limits.limit("registrations", Rate(settings.registrations_per_address)),
        hosts=limits.limit("new-clients", Rate(settings.registrations_per_host)),
        shares=limits.limit("new-clients-share", Rate(max(1, settings.registrations_per_host // _SHARE))),
        reserve=limits.limit("new-clients-reserve", Rate(settings.registrations_per_host)),
    )
    proxies = settings.trusted_proxies
    folding = None if clients is None else Folding(clients, clock)
    made = Registrations(outbound, keycloak, policy, endpoint, counted, clock, proxies, clients, folding, audit)
    own = Management(outbound, keycloak, policy, endpoint, counted, proxies, clients, folding, audit)
    routes = [shared(path_of(endpoint), ["POST"], made.answer), *management_routes(own)]
    return RegistrationParts(routes, [_reaper(settings, clients, clock, audit)] if clients is not None else [])


def _reaper(settings: DeskSettings, clients: KeycloakClients, clock: Clock, audit: DeskAudit) -> Job:
    policy, cursor = settings.reap_policy(), Cursor()

    async def reap() -> SweepReport:
        return await sweep(clients, policy=policy, now=clock.now(), dry_run=False, cursor=cursor, removed=audit.reaped)

    return Job("reaper", SWEEP_EVERY, reap)
