"""Catalogue A19: what Wycheproof says of a signature is what the server makes of it, or the difference is written down."""

from collections.abc import Sequence

import pytest
from results import record

from conformance.attacks.world import World
from conformance.attacks.wycheproof import EXCLUDED, VECTORS, Outcome, judge
from gatelodge.resource_server import jwt

COUNTS = {"json_web_signature_test.json": 401, "json_web_key_test.json": 26}

needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the Wycheproof vectors are not beside this checkout (shared/vectors/wycheproof)"
)


def different(outcomes: list[Outcome]) -> dict[int, str]:
    """Vectors that came further, or less far, than their result says."""
    return {
        outcome.vector.number: f"{outcome.vector.comment}: {outcome.status}"
        for outcome in outcomes
        if outcome.held != outcome.vector.valid
    }


def exclusions(reasons: Sequence[str]) -> str:
    """How many valid vectors are refused; those under symmetric keys are told apart, as none of them can apply here."""
    symmetric = sum("symmetric" in reason for reason in reasons)
    return (
        f"{len(reasons)} written exclusions, valid vectors that we refuse: {symmetric} under symmetric keys, which no"
        f" setting allows, {len(reasons) - symmetric} under asymmetric ones"
    )


@pytest.mark.requirement("RFC8725-3.3-whole", "RFC9068-4-signature")
@needs_vectors
@pytest.mark.parametrize("name", COUNTS)
async def test_every_vector_ends_as_marked_or_is_excluded_with_a_reason(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = await judge(world, VECTORS / name, monkeypatch)
    assert len(outcomes) == COUNTS[name]
    assert {outcome.status for outcome in outcomes} <= {400, 401, 503}
    # Not one invalid signature holds: an exclusion is only ever a valid vector that we refuse.
    assert not [outcome.vector for outcome in outcomes if outcome.held and not outcome.vector.valid]
    assert different(outcomes).keys() == EXCLUDED[name].keys()
    record(
        3,
        f"Wycheproof {name.removesuffix('_test.json')}",
        tried=len(outcomes),
        passed=len(outcomes) - len(EXCLUDED[name]),
        command=".venv/bin/pytest tests/conformance/attacks/test_wycheproof.py",
        negative_control="without the signature check, invalid vectors hold",
        figure=exclusions(list(EXCLUDED[name].values())),
        excluded=EXCLUDED[name],
    )


@needs_vectors
async def test_without_the_signature_check_invalid_vectors_hold(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt, "check_signature", lambda *_: None)
    outcomes = await judge(world, VECTORS / "json_web_signature_test.json", monkeypatch)
    assert len([outcome for outcome in outcomes if outcome.held and not outcome.vector.valid]) > 100
