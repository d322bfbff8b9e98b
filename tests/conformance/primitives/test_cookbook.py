"""RFC 7520 and RFC 7797 against the whole HTTP path: what is supported is served, all else gets its one refusal."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from protected import PUBLIC_URL
from results import record

from conformance.attacks.in_process import Wire, request_for, serving
from conformance.attacks.judge import complaint
from conformance.attacks.model import Attack, Expect, bearer
from conformance.attacks.world import World, local_world
from conformance.primitives.cookbook import Cookbook
from gatelodge.issuer.key_set import KeySetRefused, read_key_set
from gatelodge.resource_server import jws
from gatelodge.resource_server.config import ASYMMETRIC_ALGORITHMS
from gatelodge.testing.issuer import FakeIssuer

COMMAND = ".venv/bin/pytest tests/conformance/primitives/test_cookbook.py"


@pytest.fixture(scope="module")
def world() -> World:
    return local_world()


@pytest.fixture(scope="module")
def cookbook(world: World) -> Cookbook:
    return Cookbook(world)


@pytest.fixture
async def http(world: World, cookbook: Cookbook) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a server that allows every algorithm there is a setting for, and trusts the cookbook's keys."""
    issuer = FakeIssuer(world.tokens)
    issuer.keys = cookbook.published()
    wire = Wire([issuer])
    async with serving(world, wire, {"token_algorithms": ASYMMETRIC_ALGORITHMS}) as client:
        yield client
    assert wire.strays == []


async def complaints(http: httpx2.AsyncClient, attacks: list[Attack]) -> list[str]:
    """Label and complaint of each attack that did not get its answer."""
    found: list[str] = []
    for attack in attacks:
        wrong = complaint(attack, await http.send(request_for(attack, PUBLIC_URL)), PUBLIC_URL)
        if wrong is not None:
            found.append(f"{attack.label}: {wrong}")
    return found


async def test_supported_signatures_are_served_and_all_other_cases_refused(
    http: httpx2.AsyncClient, cookbook: Cookbook
) -> None:
    cases = list(cookbook.cases())
    assert len({case.label for case in cases}) == len(cases)
    assert sum(case.expect is Expect.OK for case in cases) == 3
    sections = {case.row for case in cases}
    assert {f"4.{number}" for number in range(1, 9)} | {f"5.{number}" for number in range(1, 14)} <= sections
    assert await complaints(http, cases) == []
    for standard, wanted in (("RFC 7520", False), ("RFC 7797", True)):
        tried = [case for case in cases if case.row.startswith("RFC 7797") == wanted]
        record(
            5,
            f"{standard}, cases built after its sections",
            tried=len(tried),
            passed=len(tried),
            command=COMMAND,
            negative_control="header members ignored and payloads left unread: refused cases are served",
            figure=f"{sum(case.expect is Expect.OK for case in tried)} served, the others refused",
        )


def test_keys_of_the_cookbook_are_used_when_public_and_refuse_the_set_when_secret(cookbook: Cookbook) -> None:
    sets = list(cookbook.key_sets())
    for name, published, usable in sets:
        if usable:
            assert set(read_key_set(published)) == {"elliptic", "rsa", "pss"}, name
        else:
            with pytest.raises(KeySetRefused, match="private or symmetric"):
                read_key_set(published)
    record(
        5,
        "RFC 7520, keys of section 3",
        tried=len(sets),
        passed=len(sets),
        command=COMMAND,
        negative_control="the same set without the secret key is used",
    )


async def test_with_the_header_check_off_refused_cases_are_served(
    http: httpx2.AsyncClient, cookbook: Cookbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jws, "_HEADER_MEMBERS", frozenset({"alg", "kid", "typ", "b64", "crit"}))
    monkeypatch.setattr(jws, "_type", lambda _: "at+jwt")
    found = await complaints(http, list(cookbook.cases()))
    assert {label.partition(":")[0] for label in found} == {
        *(f"{section}, header without typ as printed" for section in _SIGNED),
        *(f"RFC 7797, 6 {name}" for name in ("b64 false, not critical", "b64 true and critical", "b64 true")),
        *(f"RFC 7797, 6 {name}" for name in ("b64 no boolean", "critical, but not there")),
    }


_SIGNED = ("4.1 RS256 signature", "4.2 PS384 signature", "4.3 ES512 signature")


async def test_a_case_under_a_key_of_nobody_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    attack = Attack("4.1", "a stranger's signature", Expect.OK, bearer(world.good()))
    assert await complaints(http, [attack]) != []
