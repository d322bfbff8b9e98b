"""What an operator asks for in words, as a filter: a user, kinds of events, a span of time."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from gatelodge.audit.actor import of_address, of_user
from gatelodge.audit.kinds import KINDS, kinds_like
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.ratelimit.address import network

__all__ = ["AskedWrongly", "actor_asked", "address_asked", "kinds_asked", "time_asked"]

_DIGEST = re.compile(r"[0-9a-f]{20}")
_ACTOR = re.compile(r"(user|address):[0-9a-f]{20}|(service|operator):.+|system|others")
_AGO = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class AskedWrongly(GatelodgeError):
    """An option whose value cannot be understood."""

    code = Code.SETTINGS_INVALID


def actor_asked(text: str, issuer: str | None) -> str:
    """An actor as it stands, 20 hex digits, ``ISSUER SUBJECT``, or a subject of ``issuer``. Raises: AskedWrongly."""
    if _ACTOR.fullmatch(text):
        return text
    if _DIGEST.fullmatch(text):
        return f"user:{text}"
    named, _, subject = text.rpartition(" ")
    of = named.strip() or issuer
    if not of or not subject:
        raise AskedWrongly(
            f"--user {text!r}: whose subject is it?",
            hint="Write --user 'ISSUER SUBJECT', set GATELODGE_ISSUER, or give the actor as the trail shows it.",
        )
    return of_user(of, subject)


def address_asked(address: str, key_file: Path) -> str:
    """The actor of an address, by the key of the process that recorded. Raises: AskedWrongly."""
    try:
        key = Secret(key_file.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise AskedWrongly(
            f"--address needs {key_file}, which cannot be read: {error.strerror}",
            hint="Name the state folder of the server that recorded, with --state-dir.",
        ) from error
    found = network(address)
    if found == "unknown":
        raise AskedWrongly(f"--address {address!r} is no IP address", hint="Write it as 192.0.2.7 or 2001:db8::7.")
    return of_address(key.reveal().encode(), found)


def kinds_asked(patterns: Iterable[str]) -> frozenset[str] | None:
    """The kinds that any of the patterns names; None without a pattern. Raises: AskedWrongly."""
    found: set[str] = set()
    patterns = list(patterns)
    for pattern in patterns:
        kinds = kinds_like(pattern)
        if not kinds:
            near = get_close_matches(pattern, sorted(KINDS), n=3)
            meant = f"Did you mean {' or '.join(near)}? " if near else ""
            every = f"Kinds are {', '.join(sorted(KINDS))}; patterns such as tool.* or *.refuse."
            raise AskedWrongly(f"--event {pattern!r} names no kind of event", hint=meant + every)
        found |= kinds
    return frozenset(found) if patterns else None


def time_asked(text: str, now: float) -> float:
    """Seconds since the epoch of ``2h`` (ago; s, m, h, d, w) or an ISO date, UTC unless it says otherwise.

    Raises: AskedWrongly.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise AskedWrongly(f"{text!r} is no time", hint="Write 2h, 30m, 7d, 2026-11-21 or 2026-11-21T18:00.") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
