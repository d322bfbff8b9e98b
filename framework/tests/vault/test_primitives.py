"""AES-GCM and HKDF by Wycheproof's vectors through our own wrappers, and nonces that never repeat."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from results import record

from gatelodge.vault import aead
from gatelodge.vault.aead import NotAuthentic
from gatelodge.vault.sealed import derive

FOLDER = Path(__file__).with_name("wycheproof")
VECTORS = FOLDER / "aes_gcm.json"
HERE = Path(__file__).parent
NONCES = int(os.environ.get("GATELODGE_NONCES", "100000"))


def cases() -> list[tuple[dict[str, Any], bool]]:
    """Every test, and whether key, nonce and tag have the one size that is used here."""
    found = json.loads(VECTORS.read_text(encoding="utf-8"))
    all_cases = [
        (test, (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128))
        for group in found["testGroups"]
        for test in group["tests"]
    ]
    assert len(all_cases) == found["numberOfTests"] == 316
    return all_cases


def holds(test: dict[str, Any]) -> bool:
    """Whether the vector opens to its message and is sealed to its ciphertext."""
    key, nonce, bound, message, ciphertext, tag = (
        bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
    )
    try:
        opened = aead.decrypt(key, nonce, ciphertext + tag, bound)
    except (NotAuthentic, ValueError):
        return False
    return opened == message and aead.encrypt(key, nonce, message, bound) == ciphertext + tag


def test_every_vector_of_our_sizes_holds_exactly_when_it_is_valid_and_no_other_is_taken() -> None:
    found = cases()
    ours = [test for test, fits in found if fits]
    assert len(ours) == 66
    assert [test["tcId"] for test in ours if holds(test) != (test["result"] == "valid")] == []
    assert [test["tcId"] for test, fits in found if not fits and holds(test)] == []
    assert any(test["result"] == "invalid" for test in ours)
    record(
        4,
        "Wycheproof aes_gcm",
        tried=len(ours),
        passed=len(ours),
        command=".venv/bin/pytest framework/tests/vault/test_primitives.py",
        negative_control="a message with one bit changed, or another nonce, does not hold",
        figure=f"the other {len(found) - len(ours)} have another size of key, nonce or tag and are refused",
    )


def test_a_changed_vector_does_not_hold() -> None:
    for test, fits in cases():
        if fits and test["result"] == "valid":
            assert not holds({**test, "tag": f"{int(test['tag'], 16) ^ 1:032x}"})
            assert not holds({**test, "iv": f"{int(test['iv'], 16) ^ 1:024x}"})


def derived(test: dict[str, Any], *, info: bytes = b"") -> bool:
    """Whether our derived key is how the vector's output begins; the extraction, which ours leaves out, is made here."""
    random = hmac.digest(bytes.fromhex(test["salt"]), bytes.fromhex(test["ikm"]), hashlib.sha256)
    key, okm = derive(random, bytes.fromhex(test["info"]) + info), bytes.fromhex(test["okm"])
    return len(key) == 32 and key[: len(okm)] == okm[:32]


def test_our_derived_key_is_the_first_block_of_every_valid_hkdf_vector() -> None:
    found = json.loads((FOLDER / "hkdf_sha256.json").read_text(encoding="utf-8"))
    tests = [test for group in found["testGroups"] for test in group["tests"]]
    assert len(tests) == found["numberOfTests"] == 86
    valid = [test for test in tests if test["result"] == "valid"]
    wrong = [test["tcId"] for test in valid if not derived(test)]
    assert wrong == []
    assert not any(derived(test, info=b"x") for test in valid)
    record(
        4,
        "Wycheproof hkdf_sha256",
        tried=len(valid),
        passed=len(valid) - len(wrong),
        command=".venv/bin/pytest framework/tests/vault/test_primitives.py",
        negative_control="with one byte more of info none holds",
        figure=f"the first 32 bytes, which are all that is derived; the other {len(tests) - len(valid)} vectors ask for "
        "more than HKDF may give",
    )


def test_no_nonce_repeats_over_processes_and_forks() -> None:
    done = subprocess.run(
        [sys.executable, HERE / "nonces.py", str(NONCES)], capture_output=True, text=True, check=True, timeout=1800
    )
    found = json.loads(done.stdout)
    assert (found["seals"], found["repeated"]) == (NONCES, 0)
    assert found["control"] > 0, "nonces from a generator that is copied by a fork do repeat"
    record(
        4,
        "nonces of AES-GCM",
        tried=found["seals"],
        passed=found["seals"] - found["repeated"],
        command="GATELODGE_NONCES=10000000 .venv/bin/pytest framework/tests/vault/test_primitives.py -k nonce",
        negative_control=f"a generator whose state a fork copies: {found['control']} of 1,000 repeat",
        figure="8 processes by fork, seals of one key, no nonce twice",
    )
