"""The matrix can fail: with one check of the token switched off, the attacks of its row are found to get in.

Each weakening is what a real library does by default: no audience, no type, any issuer, header members ignored.
"""

from collections.abc import Callable

import pytest

from conformance.attacks.in_process import running
from conformance.attacks.table_a import table_a
from conformance.attacks.table_b import table_b
from conformance.attacks.table_c import table_c
from conformance.attacks.table_d import table_d
from conformance.attacks.world import World
from gatelodge.core.identity import Principal
from gatelodge.resource_server import claims, jws, jwt, strict_json
from gatelodge.resource_server.config import ResourceServerConfig

Weaken = Callable[[pytest.MonkeyPatch], None]


def no_audience(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claims, "_check_audience", lambda *_: None)


def no_kind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claims, "_check_use", lambda *_: None)


def any_header_type(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(jws, "_type", lambda _: "jwt")


def any_header_member(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(jws, "_HEADER_MEMBERS", frozenset({"alg", "kid", "typ", "crit", "jku", "x5u", "jwk", "cty", "b64"}))


def no_signature(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(jwt, "check_signature", lambda *_: None)


def no_times(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claims, "_check_times", lambda *_: 0.0)


def twins_allowed(patch: pytest.MonkeyPatch) -> None:
    decoder = type(strict_json._DECODER)()
    patch.setattr(strict_json, "_DECODER", decoder)


def any_issuer(patch: pytest.MonkeyPatch) -> None:
    def main(_: object, config: ResourceServerConfig) -> str:
        return config.issuer

    patch.setattr(claims, "claimed_issuer", main)


def scopes_by_part(patch: pytest.MonkeyPatch) -> None:
    # "notes:readx" passes for "notes:read" where names are compared by their beginning.
    exact = claims.principal_of

    def loose(*arguments: object) -> Principal:
        found = exact(*arguments)  # type: ignore[arg-type]
        return Principal(found.issuer, found.subject, frozenset(name[:10] for name in found.scopes))

    patch.setattr(jwt, "principal_of", loose)


@pytest.mark.parametrize(
    ("weaken", "rows"),
    [
        (no_audience, {"C08", "C09"}),
        (no_kind, {"C11", "C17"}),
        (any_header_type, {"C12"}),
        (any_header_member, {"A07", "A14", "A15"}),
        (no_signature, {"A04", "A13"}),
        (no_times, {"C01", "C02", "C03", "C04", "C05"}),
        (twins_allowed, {"B04", "B05"}),
        (any_issuer, {"C06"}),
        (scopes_by_part, {"C15"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_a_check_switched_off_is_found_by_the_attacks_of_its_rows(
    weaken: Weaken, rows: set[str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = (table_a, table_b, table_c, table_d)
    attacks = [attack for table in tables for attack in table(world) if attack.row in rows]
    async with running(world) as strict:
        assert (await strict.run(attacks)).complaints == []
    weaken(monkeypatch)
    # New servers: a principal of the strict ones may be kept for a while.
    async with running(world) as weak:
        after = await weak.run(attacks)
    assert {complaint[:3] for complaint in after.complaints} == rows
