"""One verification: every check that concerns the client, in order, each with its outcome and evidence.

Invariant: a check always ends in one of the four outcomes, whatever the server sends; the clients that were registered
are removed, or named in the report. Nothing prints here.
Not here: reports (``report``), where a local stack's user comes from (``local``).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2

from gatelodge.core.clock import Clock, SystemClock
from gatelodge.core.urls import origin_of
from gatelodge.ops.link.oauth_types import RegisteredClient
from gatelodge.ops.verify.catalogue import CHECKS
from gatelodge.ops.verify.check import Check, Finding, Outcome, Status, Unmet
from gatelodge.ops.verify.evidence import Recorder
from gatelodge.ops.verify.finding import issuer
from gatelodge.ops.verify.profiles import Profile
from gatelodge.ops.verify.redaction import Redactor
from gatelodge.ops.verify.session import Session, Target
from gatelodge.ops.verify.signin import NoSignIn, SignIn
from gatelodge.ops.verify.wire import Wire

__all__ = ["Verification", "verify"]

logger = logging.getLogger(__name__)

_EVIDENCE = 10
_AGENT = "gatelodge-verify/1"
Remove = Callable[[str], None]
SignInFor = Callable[[httpx2.AsyncBaseTransport], SignIn]


@dataclass(frozen=True, slots=True)
class Verification:
    """The report of one run. ``left_behind``: ids of registered clients that could not be removed."""

    url: str
    client: str
    findings: tuple[Finding, ...]
    started: float
    seconds: float
    left_behind: tuple[str, ...] = ()
    removed: int = 0

    def count(self, status: Status) -> int:
        """How many checks came out so."""
        return sum(finding.outcome.status is status for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 when nothing failed, else 1."""
        return 1 if self.count(Status.FAIL) else 0


@dataclass(slots=True)
class _Cleaning:
    """What became of the registered clients."""

    left: list[str] = field(default_factory=list)
    removed: int = 0


async def verify(
    target: Target,
    profile: Profile,
    *,
    transport: httpx2.AsyncBaseTransport,
    sign_in: SignInFor | None = None,
    secrets: Iterable[str] = (),
    remove: Remove | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    tls: Mapping[str, Any] | None = None,
    checks: Iterable[Check] = CHECKS,
    seconds: float = 10.0,
    progress: Callable[[Finding], None] | None = None,
) -> Verification:
    """Run ``checks`` against ``target`` as ``profile``.

    ``sign_in`` makes the person from the recorded transport. ``secrets`` never show in evidence. ``remove`` takes a
    client id away where the server itself offers no way. ``tls``: what was seen of the connection (``alpn``). ``seconds``: the longest wait for most answers.
    """
    time = clock or SystemClock()
    recorder, redactor = Recorder(transport, time), Redactor()
    redactor.know(*secrets)
    started, began = time.now(), time.monotonic()
    async with AsyncExitStack() as parts:
        parts.push_async_callback(recorder.aclose)
        session = Session(
            target=target,
            profile=profile,
            wire=Wire(recorder, agent=profile.agent, seconds=seconds),
            plain_wire=Wire(recorder, agent=_AGENT, seconds=seconds),
            recorder=recorder,
            redactor=redactor,
            sign_in=sign_in(recorder) if sign_in else NoSignIn(),
            clock=time,
            sleep=sleep,
            tls=tls or {},
        )
        findings: list[Finding] = []
        cleaning = _Cleaning()
        try:
            for check in checks:
                findings.append(await _checked(session, check))
                if progress is not None:
                    progress(findings[-1])
        finally:
            await _clean(session, cleaning, remove)
    return Verification(
        url=target.url,
        client=profile.name,
        findings=tuple(findings),
        started=started,
        seconds=time.monotonic() - began,
        left_behind=tuple(cleaning.left),
        removed=cleaning.removed,
    )


async def _checked(session: Session, check: Check) -> Finding:
    session.cited = []
    mark = len(session.recorder.log)
    outcome = await _outcome(session, check)
    entries = [*session.cited, *session.since(mark)]
    unique = list({id(entry): entry for entry in entries}.values())[-_EVIDENCE:]
    evidence = tuple(entry.exchange(session.redactor) for entry in unique)
    return Finding(check, Outcome(outcome.status, session.redactor.text(outcome.found)), evidence)


async def _outcome(session: Session, check: Check) -> Outcome:
    if check.clients and session.profile.name not in check.clients:
        return Outcome(Status.NOT_APPLICABLE, f"not a rule of {session.profile.title}")
    if session.unreachable:
        # One fault, one finding.
        return Outcome(Status.NOT_EVALUATED, f"needs A1-tls: {session.unreachable}")
    try:
        return await check.probe(session)
    except Unmet as unmet:
        if unmet.check == check.id or unmet.outcome is Status.NOT_APPLICABLE:
            return Outcome(unmet.outcome, unmet.reason)
        return Outcome(Status.NOT_EVALUATED, f"needs {unmet.check}: {unmet.reason}")
    # The outermost edge of one check: a server may send anything, and one odd answer must not end the whole run.
    except Exception as error:
        logger.debug("check %s broke", check.id, exc_info=True)
        return Outcome(
            Status.NOT_EVALUATED, f"the answer was of a shape that the check does not know: {type(error).__name__}"
        )


async def _clean(session: Session, cleaning: _Cleaning, remove: Remove | None) -> None:
    """Remove what was registered: by the server's own management (RFC 7592), else by ``remove``."""
    for made in {one.client_id: one for one in session.registered}.values():
        if await _unregistered(session, made):
            cleaning.removed += 1
        elif remove is not None:
            await asyncio.to_thread(remove, made.client_id)
            cleaning.removed += 1
        else:
            cleaning.left.append(made.client_id)
    if remove is None:
        return
    # The issuer knows them by their own documents; only an administrator removes such a client.
    for client_id in dict.fromkeys(session.documented):
        await asyncio.to_thread(remove, client_id)
        cleaning.removed += 1


async def _unregistered(session: Session, made: RegisteredClient) -> bool:
    uri, bearer = made.document.get("registration_client_uri"), made.document.get("registration_access_token")
    if not isinstance(uri, str) or not isinstance(bearer, str):
        return False
    # The token goes to the issuer's own origin only.
    if origin_of(uri) != origin_of((await issuer(session)).server.registration_endpoint or ""):
        return False
    reply = await session.wire.send("DELETE", uri, headers={"authorization": f"Bearer {bearer}"})
    return reply.status in {200, 204}
