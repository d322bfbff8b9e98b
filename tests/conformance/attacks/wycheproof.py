"""The Wycheproof JWS and JWK vectors as requests to a protected server, and what the server made of each.

How a vector is judged. No vector is an access token: its payload is "foo" or empty, its header has no ``typ``. So the
server refuses every one of them, and the answer alone would prove nothing. What tells is how far a token came: a server
that trusts one issuer reads the payload only after the signature held under a key that its filter let through. The
product's own code decides; this module wraps ``decode_object`` where ``resource_server.jwt`` calls it, and sees whether
the payload was read. A valid vector must come that far, an invalid one must not, and both end in 401 or 400, or in 503
where the whole key set is refused.

What is relaxed, as no vector could come that far otherwise: the header's ``typ`` is not looked at. All else is the
product as it can be configured: every algorithm that its settings allow is on. Symmetric algorithms stay refused.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from native_stack import CHECKOUT
from protected import PUBLIC_URL

from conformance.attacks.in_process import Wire, request_for, serving
from conformance.attacks.model import Attack, Expect, bearer
from conformance.attacks.world import World
from gatelodge.resource_server import jws, jwt
from gatelodge.resource_server.config import ASYMMETRIC_ALGORITHMS
from gatelodge.testing.issuer import FakeIssuer

__all__ = ["EXCLUDED", "VECTORS", "Outcome", "Vector", "judge", "vectors"]

VECTORS = CHECKOUT.parent / "shared" / "vectors" / "wycheproof"

_SYMMETRIC = "valid under a symmetric key; we refuse symmetric algorithms (RFC 8725, section 3.1)"
_OTHER_ALGORITHM = "PS384 under a key that is published for PS256; a key has one algorithm (RFC 8725, section 3.1)"
_TYPO = "the key's alg is 'ES521', which does not exist; such a key is left out"
# Every vector whose result is not ours, with the reason.
EXCLUDED: Mapping[str, Mapping[int, str]] = {
    "json_web_signature_test.json": {
        **dict.fromkeys((1, 348, 352, 357, 358, 359, 376, 377), _SYMMETRIC),
        **dict.fromkeys((372, 373), "marked valid with a '?' inside, under a symmetric key; RFC 8725bis, 3.14: refuse"),
        **dict.fromkeys((346, 350), _OTHER_ALGORITHM),
        **dict.fromkeys((347, 351), _TYPO),
    },
    "json_web_key_test.json": dict.fromkeys((2, 13, 14, 15), _SYMMETRIC),
}


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector with the key set of its group."""

    number: int
    comment: str
    token: str
    valid: bool
    group: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one vector, and whether its signature held."""

    vector: Vector
    status: int
    held: bool


def vectors(path: Path) -> Iterator[tuple[dict[str, Any], list[Vector]]]:
    """The key set and the vectors of each group."""
    for number, group in enumerate(json.loads(path.read_text(encoding="utf-8"))["testGroups"]):
        published = group.get("public") or group["private"]
        keys = published if "keys" in published else {"keys": [published]}
        yield (
            keys,
            [
                Vector(test["tcId"], test["comment"], _text(test["jws"]), test["result"] == "valid", number)
                for test in group["tests"]
            ],
        )


def _text(token: object) -> str:
    return token if isinstance(token, str) else json.dumps(token)


async def judge(world: World, path: Path, patch: pytest.MonkeyPatch) -> list[Outcome]:
    """Send all vectors of a file, each group to a server whose issuer publishes the group's keys."""
    read: list[str] = []

    def seen(part: str) -> dict[str, Any]:
        read.append(part)
        return jws.decode_object(part)

    patch.setattr(jwt, "decode_object", seen)
    patch.setattr(jws, "_type", lambda _: "jwt")
    outcomes: list[Outcome] = []
    for keys, group in vectors(path):
        issuer = FakeIssuer(world.tokens)
        issuer.keys = keys
        async with serving(world, Wire([issuer]), {"token_algorithms": ASYMMETRIC_ALGORITHMS}) as client:
            for vector in group:
                read.clear()
                attack = Attack("A19", str(vector.number), Expect.E401, bearer(vector.token))
                response = await client.send(request_for(attack, PUBLIC_URL))
                outcomes.append(Outcome(vector, response.status_code, bool(read)))
    return outcomes
