"""What fails while a part is away is what depends on it, and nothing else: kills and cut networks under load.

The short cases run with every run; those marked ``cluster`` with ``make test-cluster``.
"""

import asyncio
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import pytest
from results import record_page

from e2e.docker.deployment import PARTS, Deployment
from e2e.docker.faults import cut, kill, starts, stopped
from e2e.docker.load import KINDS, Load, loaded
from gatelodge.core.errors import GatelodgeError

CALLS = frozenset({"modern", "legacy", "note"})
ISSUER = frozenset({"refresh", "register"})
AWAY = frozenset({502, 503, 504})
_REGISTRATIONS_LESS_OFTEN = tuple(kind for kind in KINDS if kind != "register")


@dataclass(frozen=True)
class Case:
    """One fault: what may fail meanwhile and how, and whether people sign in to clients that are registered already."""

    name: str
    part: str
    fails: frozenset[str]
    # 0: no answer, or none within the client's 12 s.
    statuses: frozenset[int] = AWAY
    networks: tuple[str, ...] = ()
    # Seconds without the part; None: it is killed, and the engine starts it again.
    held: float | None = None
    sign_in: bool | None = None

    def fault(self, deployment: Deployment) -> AbstractContextManager[None]:
        """The part is away within the block."""
        if self.networks:
            return cut(deployment, self.part, *self.networks)
        return nullcontext() if self.held is None else stopped(deployment, self.part)


def killed(part: str, fails: frozenset[str], *more: int) -> Case:
    return Case(f"{part} killed", part, fails, AWAY | set(more))


SHORT = [
    killed("sample", CALLS),
    killed("desk", frozenset({"register"})),
    Case("sample off keycloak's network", "sample", frozenset(), networks=("internal",), held=6),
    Case("desk off keycloak's network", "desk", frozenset({"register"}), networks=("internal",), held=6, sign_in=True),
]
LONG = [
    # What is under way when packets vanish waits until the client gives up (0).
    Case("keycloak off its callers' network", "keycloak", ISSUER, AWAY | {0}, ("internal",), 6, sign_in=False),
    killed("traefik", CALLS | ISSUER, 0),
    killed("keycloak", ISSUER),
    # 500 is Keycloak's own answer while it has no database.
    killed("postgres", ISSUER, 500),
    Case("traefik stopped", "traefik", CALLS | ISSUER, frozenset({0}), held=20, sign_in=False),
    Case("keycloak stopped", "keycloak", ISSUER, held=60, sign_in=False),
    Case("postgres stopped", "postgres", ISSUER, AWAY | {0, 500}, held=60, sign_in=False),
    Case("desk stopped", "desk", frozenset({"register"}), held=60, sign_in=True),
    Case("sample stopped", "sample", CALLS, held=20),
    # Packets vanish: what waits for an answer waits on, until the client gives up (0).
    Case("keycloak off its database's network", "keycloak", ISSUER, AWAY | {0, 500}, ("database",), 60, sign_in=False),
    Case("sample off all networks", "sample", CALLS, AWAY | {0}, ("edge", "internal"), 30),
    # Traefik then takes its other way to the server: the calls that were under way are lost, later ones are not.
    Case("sample off traefik's first network", "sample", CALLS, AWAY | {0}, ("edge",), 40),
    Case("sample off keycloak's network for long", "sample", frozenset(), networks=("internal",), held=120),
]


async def sign_in_while_away(load: Load) -> str:
    """What a person with a known client is told; empty when the sign-in works."""
    try:
        await load.sign_in(load.linked.client)
    except GatelodgeError as error:
        return error.detail
    return ""


async def signed_in_within(load: Load, seconds: float) -> list[str]:
    """A new client is linked, tried again until then: a killed database leaves one refusal per open connection."""
    deadline, refused = time.monotonic() + seconds, []
    while True:
        try:
            await load.sign_in()
        except GatelodgeError as error:
            refused.append(error.detail)
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)
        else:
            return refused


@pytest.mark.parametrize(
    "case", [*SHORT, *(pytest.param(case, marks=pytest.mark.cluster) for case in LONG)], ids=lambda case: case.name
)
async def test_only_what_depends_on_a_part_fails_while_it_is_away(deployment: Deployment, case: Case) -> None:
    others = [part for part in PARTS if part != case.part]
    before = starts(deployment, *others)
    said = ""
    async with loaded(deployment) as load:
        began = time.monotonic()
        with case.fault(deployment):
            if case.held is None:
                await asyncio.to_thread(kill, deployment, case.part)
            else:
                await asyncio.sleep(case.held / 2)
                if case.sign_in is not None:
                    said = await sign_in_while_away(load)
                for kind in sorted(case.fails):
                    await load.ask(kind)
                await asyncio.sleep(max(0.0, began + case.held - time.monotonic()))
        healed = time.monotonic()
        again = await load.good_again(*_REGISTRATIONS_LESS_OFTEN)
        refused = await signed_in_within(load, 60)
        quiet = time.monotonic()
        await asyncio.sleep(3)
        lost = await load.lost()
    failed = [seen for seen in load.seen if seen.wrong]
    tally = {kind: sum(1 for seen in load.seen if seen.kind == kind) for kind in KINDS}
    record_page(
        "docker",
        case.name,
        away_seconds=round(healed - began, 1),
        good_again_after_seconds=round(again - healed, 1),
        asked=tally,
        failed={kind: sum(1 for seen in failed if seen.kind == kind) for kind in KINDS},
        answers=sorted({f"{seen.status} {seen.wrong[:80]}" for seen in failed}),
        longest_wait_seconds=round(max((seen.ended - seen.began for seen in load.seen), default=0), 1),
        sign_in_meanwhile=said,
        sign_in_again_after_seconds=round(quiet - healed, 1),
        sign_ins_refused_after=refused,
        notes_and_clients=len(load.notes) + len(load.registered),
        lost=len(lost),
    )
    assert [seen for seen in failed if seen.kind not in case.fails] == []
    assert [seen for seen in failed if seen.status not in case.statuses] == []
    assert [seen for seen in failed if seen.kind == "register" and seen.status == 500] == []
    assert [seen for seen in failed if not began - 1 <= seen.ended or seen.began > quiet] == []
    # What was asked while a part is kept away, and a killed one's own requests; others may be back between two of them.
    assert failed or not case.fails or (case.held is None and case.part not in {"sample", "keycloak"})
    assert case.sign_in is None or bool(said) is not case.sign_in, said
    assert lost == []
    assert starts(deployment, *others) == before


async def test_the_load_sees_what_fails_and_what_is_lost(deployment: Deployment) -> None:
    """The control of the tests above: answers that are not good are written down, and what nobody has is missed."""
    async with loaded(deployment, "modern") as load:
        load.notes.append("note:nobody-saved-this")
        assert len(await load.lost()) == 1
        load._access = "no-token"
        await asyncio.sleep(2)
    assert {seen.status for seen in load.seen if seen.wrong} == {401}
