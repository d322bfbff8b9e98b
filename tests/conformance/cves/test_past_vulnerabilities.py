"""Past vulnerabilities of JOSE libraries, MCP implementations and proxies, each tried on a protected server.

Every case is sent twice: to the product, which must answer rightly, and to the same server with the fault put in, where
the case must be seen to fail.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from results import record

from conformance.attacks.in_process import Wire, serving
from conformance.attacks.world import World, local_world
from conformance.cves.claims_and_forms import CLAIMS_AND_FORMS
from conformance.cves.model import Bench, Past
from conformance.cves.servers import SERVERS
from conformance.cves.signatures import SIGNATURES
from gatelodge.testing.issuer import FakeIssuer

PAST = (*SIGNATURES, *CLAIMS_AND_FORMS, *SERVERS)


@pytest.fixture(scope="module")
def world() -> World:
    return local_world()


@asynccontextmanager
async def bench(world: World) -> AsyncIterator[Bench]:
    """A server of its own for each case: what one leaves behind must not help another."""
    issuer = FakeIssuer(world.tokens)
    wire = Wire([issuer])
    async with serving(world, wire, {}) as client:
        yield Bench(client, wire, world)


async def outcome(world: World, past: Past) -> str | None:
    """What is wrong, a server that breaks included."""
    async with bench(world) as made:
        try:
            return await past.tried(made)
        except Exception as error:  # noqa: BLE001 - a server that breaks is what is looked for
            return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("past", PAST, ids=lambda past: f"{past.name} {past.essence}")
async def test_a_past_vulnerability_is_not_here_and_would_be_seen(
    past: Past, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await outcome(world, past) is None
    past.fault(monkeypatch)
    assert await outcome(world, past) is not None


async def test_at_least_forty_past_vulnerabilities_are_tried(world: World) -> None:
    ids = [name for past in PAST for name in past.ids]
    assert len(set(ids)) == len(ids) >= 40
    wrong = {past.name: found for past in PAST if (found := await outcome(world, past)) is not None}
    assert wrong == {}
    record(
        6,
        "past vulnerabilities",
        tried=len(ids),
        passed=len(ids),
        command=".venv/bin/pytest tests/conformance/cves",
        negative_control="each case is tried on a server with its fault as well, and is seen to fail there",
        figure=f"{len(ids)} vulnerabilities by {len(PAST)} different attacks",
        ids=ids,
    )
