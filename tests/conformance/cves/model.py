"""One past vulnerability: who had it, what its attack does, how it is tried here, and what a server with that fault does.

Invariant: ``tried`` gives None on a server that answers rightly, and says what is wrong on one that has ``fault``. So
every case can fail, and fails for the fault it is about.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import httpx2
import pytest
from protected import PUBLIC_URL

from conformance.attacks.in_process import Wire, request_for
from conformance.attacks.judge import complaint
from conformance.attacks.model import Attack
from conformance.attacks.world import World

__all__ = ["REFUSED", "Bench", "Fault", "Past", "answers"]

REFUSED = "401 invalid_token, the constant text"

Fault = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """A protected server to try things on, its wire out, and the keys of its issuer."""

    http: httpx2.AsyncClient
    wire: Wire
    world: World


@dataclass(frozen=True, slots=True)
class Past:
    """``ids`` are all the vulnerabilities that had this essence; ``wanted`` is the right answer in words."""

    ids: tuple[str, ...]
    parts: str
    essence: str
    wanted: str
    tried: Callable[[Bench], Awaitable[str | None]]
    fault: Fault

    @property
    def name(self) -> str:
        """For reports."""
        return self.ids[0]


def answers(made: Callable[[World], Iterable[Attack]]) -> Callable[[Bench], Awaitable[str | None]]:
    """A try that sends attacks and takes the first complaint."""

    async def tried(bench: Bench) -> str | None:
        attacks = list(made(bench.world))
        assert attacks
        for attack in attacks:
            response = await bench.http.send(request_for(attack, PUBLIC_URL))
            wrong = complaint(attack, response, PUBLIC_URL)
            if wrong is not None:
                return f"{attack.label}: {wrong}"
        return f"fetched {bench.wire.strays}" if bench.wire.strays else None

    return tried
