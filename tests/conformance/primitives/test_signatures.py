"""Wycheproof's vectors of RSA, ECDSA and Ed25519 signatures through our own wrapper: key filter, choice of key, check.

A vector's key is published as an issuer would publish it, read by ``issuer.key_set``, and its signature is checked where
the token check does it. Invariant: a vector that is valid holds, every other one does not; ``acceptable`` counts as not
valid, because a token has one right form. Vectors under a key that our filter leaves out cannot hold, and are named.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from results import record

from gatelodge.issuer.key_set import KeySetRefused, fits, read_key_set
from gatelodge.resource_server import signature
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.jws import SignedToken

FOLDER = Path(__file__).with_name("wycheproof")
FILES = sorted(path.stem for path in FOLDER.glob("*.json"))
# Valid vectors that must not hold here, with the reason.
REFUSED = {"rsa_signature_2048_sha256": "RSA keys with exponent 3: the filter wants 65537 (two of three groups)"}


def groups(name: str) -> tuple[str, list[dict[str, Any]]]:
    """The algorithm of a file and its groups, whose tests must all be there."""
    found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert sum(len(group["tests"]) for group in found["testGroups"]) == found["numberOfTests"]
    return found["algorithm"], found["testGroups"]


def judged(name: str) -> Iterator[tuple[dict[str, Any], bool, bool]]:
    """Each test, whether its key passes our filter, and whether its signature holds."""
    algorithm, found = groups(name)
    for group in found:
        published = {**group["key"], "kid": "vector", "use": "sig", "alg": algorithm}
        try:
            key = read_key_set({"keys": [published]})["vector"]
        except KeySetRefused:
            yield from ((test, False, False) for test in group["tests"])
            continue
        assert fits(key, algorithm)
        for test in group["tests"]:
            signed = SignedToken(algorithm, "vector", "jwt", bytes.fromhex(test["msg"]), "", bytes.fromhex(test["sig"]))
            yield test, True, _holds(signed, key)


def _holds(signed: SignedToken, key: Any) -> bool:
    try:
        signature.check_signature(signed, key)
    except TokenRejected:
        return False
    return True


@pytest.mark.parametrize("name", FILES)
def test_every_signature_holds_exactly_when_its_vector_is_valid(name: str) -> None:
    found = list(judged(name))
    wrong = [test for test, usable, held in found if held != (test["result"] == "valid" and usable)]
    assert wrong == []
    left_out = sum(not usable for _, usable, _ in found)
    assert (left_out > 0) == (name in REFUSED)
    assert any(held for *_, held in found)
    record(
        4,
        f"Wycheproof {name}",
        tried=len(found),
        passed=len(found) - sum(test["result"] == "valid" and not usable for test, usable, _ in found),
        command=".venv/bin/pytest tests/conformance/primitives",
        negative_control="a check that looks at no signature: invalid vectors hold",
        figure=f"{left_out} under a key that is left out: {REFUSED[name]}" if left_out else None,
    )


@pytest.mark.parametrize("name", FILES)
def test_without_the_check_invalid_vectors_hold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "check_signature", lambda *_: None)
    assert any(held and test["result"] == "invalid" for test, _, held in judged(name))
