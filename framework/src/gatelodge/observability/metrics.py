"""The process's figures as Prometheus metrics: families on a registry of our own, and the one call each place makes.

Invariants: every label has a bounded set of values, none of which a stranger chooses (what comes from outside is put
under ``other``); nothing here waits, and no call of it raises. Children are bound once: looking one up by its labels
costs more than counting. Not here: how they are served (``exposition``), the figures of requests (``traffic``).
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, disable_created_metrics

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = [
    "REGISTRY",
    "LiveSessions",
    "access_decided",
    "audit_event",
    "audit_queue",
    "built",
    "error_answered",
    "keys_fetched",
    "keys_kept",
    "limit_known",
    "limit_reached",
    "oauth_counted",
    "oauth_result",
    "refreshed",
    "sessions_counted",
    "token_verdict",
]

REGISTRY = CollectorRegistry()
# The library's own, without annotations: no series of creation times.
disable_created_metrics()  # type: ignore[no-untyped-call]
ProcessCollector(registry=REGISTRY)

_BUILD = Gauge("gatelodge_build_info", "1; what is running.", ["part", "version", "python"], registry=REGISTRY)
_ERRORS = Counter("gatelodge_errors", "Answers that carry an error, by its code.", ["code"], registry=REGISTRY)
_TOKENS = Counter("gatelodge_token_verdicts", "Token checks, by verdict.", ["verdict"], registry=REGISTRY)
_DECISIONS = Counter(
    "gatelodge_access_decisions",
    "Decisions on a component that was asked for.",
    ["answer", "rule"],
    registry=REGISTRY,
)
_KEY_FETCHES = Counter(
    "gatelodge_jwks_fetches", "Fetches of an issuer's keys.", ["issuer", "outcome"], registry=REGISTRY
)
_KEY_AGE = Gauge(
    "gatelodge_jwks_age_seconds", "Age of the keys in use, since they were asked for.", ["issuer"], registry=REGISTRY
)
_OAUTH = Counter(
    "gatelodge_oauth_results",
    "Steps of sign-ins and links, by outcome.",
    ["step", "provider", "outcome"],
    registry=REGISTRY,
)
_SESSIONS = Gauge(
    "gatelodge_sessions_active",
    "Sessions of the pages that this process knows and that are not over.",
    registry=REGISTRY,
)
_REFRESHES = Counter(
    "gatelodge_refreshes", "Refreshes of linked accounts, by outcome.", ["provider", "outcome"], registry=REGISTRY
)
_LIMITS = Counter("gatelodge_limits_reached", "Requests that a limit refused.", ["limit"], registry=REGISTRY)
_AUDIT = Counter("gatelodge_audit_events", "Events given to the audit trail.", ["kind", "outcome"], registry=REGISTRY)
_AUDIT_QUEUE = Gauge("gatelodge_audit_queue_length", "Audit events that wait for their commit.", registry=REGISTRY)


# From the first scrape on: an increase is seen from a figure that was there before it, and alerts look at the first.
for _code in Code:
    _ERRORS.labels(_code.value)
for _verdict in ("accepted", "absent", "malformed", "unavailable"):
    _TOKENS.labels(_verdict)


@lru_cache(maxsize=1024)
def _child(family: Counter, *labels: str) -> Callable[[], None]:
    child: Callable[[], None] = family.labels(*labels).inc
    return child


def built(part: str, version: str) -> None:
    """Say what runs: ``server`` or ``desk``, and its version."""
    _BUILD.labels(part, version, ".".join(map(str, sys.version_info[:3]))).set(1)


def error_answered(code: str) -> None:
    """An answer carries this code of ``core.codes``."""
    _child(_ERRORS, code)()


def token_verdict(verdict: str) -> None:
    """A token was looked at: ``accepted``, ``absent``, ``malformed``, ``unavailable`` or a reason of refusal."""
    _child(_TOKENS, verdict)()


def access_decided(answer: str, rule: str) -> None:
    """The answer (``allow``, ``step_up``, ``deny``, ``unknown``) on a component and the name of the deciding rule."""
    _child(_DECISIONS, answer, rule)()


def keys_fetched(issuer: str, outcome: str) -> None:
    """A fetch of an issuer's keys ended ``ok`` or ``failed``."""
    # The first failure is an increase, too.
    _child(_KEY_FETCHES, issuer, "failed")
    _child(_KEY_FETCHES, issuer, outcome)()


def keys_kept(issuer: str, since: float, clock: Clock) -> None:
    """The keys in use of an issuer are as they were at this wall time (seconds)."""
    _KEY_AGE.labels(issuer).set_function(lambda: clock.now() - since)


def oauth_result(step: str, outcome: str, provider: str = "issuer") -> None:
    """A step ended: ``sign_in``, ``link``, or a request to a provider's token endpoint, ``code`` or ``refresh``."""
    _child(_OAUTH, step, provider, outcome)()


@contextmanager
def oauth_counted(step: str, provider: str = "issuer") -> Iterator[None]:
    """Count a step as ``ok``, or by the code of the error that ends it."""
    outcome = "interrupted"
    try:
        yield
        outcome = "ok"
    except GatelodgeError as error:
        outcome = error.code.value
        raise
    finally:
        oauth_result(step, outcome, provider)


def refreshed(provider: str, outcome: str) -> None:
    """A refresh of a linked account ended: ``renewed``, ``failed``, ``dead``, ``not_kept``."""
    _child(_REFRESHES, provider, outcome)()


def limit_known(name: str) -> None:
    """There is a limit of this name, which refused nothing yet."""
    _child(_LIMITS, name)


def limit_reached(name: str) -> None:
    """A limit refused a request; ``name`` is one of a closed set."""
    _child(_LIMITS, name)()


def audit_event(kind: str, outcome: str) -> None:
    """An event was given to the trail."""
    _child(_AUDIT, kind, outcome)()


def audit_queue(length: int) -> None:
    """How many events wait for their commit now."""
    _AUDIT_QUEUE.set(length)


class LiveSessions:
    """The sessions that one process knows: begun or used here, neither ended nor over. At most ``most`` are counted."""

    def __init__(self, clock: Clock, *, most: int = 10_000) -> None:
        self._clock, self._most = clock, most
        self._until: dict[str, float] = {}

    def seen(self, key: str, until: float) -> None:
        """A session is in use until this wall time at the latest."""
        if key not in self._until and len(self._until) >= self._most:
            del self._until[next(iter(self._until))]
        self._until[key] = until

    def gone(self, key: str) -> None:
        """It ended."""
        self._until.pop(key, None)

    def count(self) -> int:
        """How many there are now."""
        now = self._clock.now()
        for key in [key for key, until in self._until.items() if until <= now]:
            del self._until[key]
        return len(self._until)


def sessions_counted(live: LiveSessions) -> None:
    """Have the gauge show these; one process has one such set."""
    _SESSIONS.set_function(live.count)
