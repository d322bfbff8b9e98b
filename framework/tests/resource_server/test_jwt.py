"""Keys and signatures: who signed, and with what (catalogue part A)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import OctKey, OKPKey

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.tokens import TokenFactory, encode_part, make_key

Refused = Callable[[str], Awaitable[Reason]]
Accepted = Callable[[str], Awaitable[Principal]]

# The order of the Ed25519 group (RFC 8032, section 5.1).
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.requirement("RFC8725BIS-3.2-named-fully", "RFC9068-4-signature")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
async def test_a_good_token_of_each_algorithm_is_accepted(
    tokens: TokenFactory, accepted: Accepted, ring: Any, algorithm: str
) -> None:
    principal = await accepted(tokens.token(algorithm=algorithm))
    assert principal.issuer == tokens.issuer
    assert ring.asked == [(tokens.kid(algorithm), algorithm)]


@pytest.mark.requirement("RFC8725-3.1-allow-list")
@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA"])
async def test_an_algorithm_that_the_operator_did_not_allow_is_refused(
    tokens: TokenFactory, config: ResourceServerConfig, ring: Any, clock: Clock, algorithm: str
) -> None:
    verifier = TokenVerifier(replace(config, algorithms=("RS256",)), ring, clock)
    with pytest.raises(TokenRejected) as caught:
        await verifier.verify(tokens.token(algorithm=algorithm))
    assert caught.value.reason is Reason.ALGORITHM
    assert "RS256" in caught.value.detail


@pytest.mark.requirement("RFC9068-4-issuer-keys")
@pytest.mark.parametrize(
    "kid",
    ["unknown", "../../dev/null", "' OR 1=1--", ";sleep 5", "*)(uid=*", "https://canary.example/jwks", "k" * 200],
)
async def test_an_unknown_key_id_is_refused(tokens: TokenFactory, refused: Refused, kid: str) -> None:
    assert await refused(tokens.token(header={"kid": kid})) is Reason.KEY_UNKNOWN


@pytest.mark.requirement("RFC8725-3.3-whole", "RFC9068-4-issuer-keys")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
async def test_a_stranger_s_key_under_our_key_id_is_refused(
    tokens: TokenFactory, refused: Refused, algorithm: str
) -> None:
    stranger = make_key(algorithm)
    assert await refused(tokens.token(algorithm=algorithm, key=stranger)) is Reason.SIGNATURE


@pytest.mark.requirement("RFC8725-3.1-key-algorithm")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
@pytest.mark.parametrize("other", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
async def test_a_key_verifies_only_the_algorithm_it_is_published_for(
    tokens: TokenFactory, refused: Refused, accepted: Accepted, algorithm: str, other: str
) -> None:
    token = tokens.sign(
        {"alg": algorithm, "typ": "JWT", "kid": tokens.kid(other)}, tokens.claims(), algorithm=algorithm
    )
    if algorithm == other:
        await accepted(token)
    else:
        assert await refused(token) is Reason.SIGNATURE


async def test_an_encryption_key_verifies_nothing(tokens: TokenFactory, refused: Refused, ring: Any) -> None:
    key = make_key("RS256", kid="for-encryption", use="enc")
    ring.extra["for-encryption"] = key
    token = tokens.sign({"alg": "RS256", "typ": "JWT", "kid": "for-encryption"}, tokens.claims(), key=make_key("RS256"))
    assert await refused(token) is Reason.SIGNATURE


async def test_a_key_that_may_only_sign_verifies_nothing(tokens: TokenFactory, refused: Refused, ring: Any) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "sign-only", "key_ops": ["sign"]})
    ring.extra["sign-only"] = key
    head = {"alg": "Ed25519", "typ": "JWT", "kid": "sign-only"}
    assert await refused(tokens.sign(head, tokens.claims(), algorithm="Ed25519", key=key)) is Reason.SIGNATURE


async def test_the_other_edwards_curve_is_refused(tokens: TokenFactory, refused: Refused, ring: Any) -> None:
    key = OKPKey.generate_key("Ed448", {"kid": "448", "use": "sig", "alg": "EdDSA"})
    ring.extra["448"] = key
    head = {"alg": "EdDSA", "typ": "JWT", "kid": "448"}
    assert await refused(tokens.sign(head, tokens.claims(), algorithm="EdDSA", key=key)) is Reason.SIGNATURE


async def test_a_wider_curve_under_es256_is_refused(tokens: TokenFactory, refused: Refused, ring: Any) -> None:
    key = make_key("ES384", kid="wide")
    ring.extra["wide"] = key
    head = {"alg": "ES256", "typ": "JWT", "kid": "wide"}
    assert await refused(tokens.sign(head, tokens.claims(), algorithm="ES384", key=key)) is Reason.SIGNATURE


async def test_a_symmetric_key_in_the_ring_verifies_nothing(tokens: TokenFactory, refused: Refused, ring: Any) -> None:
    key = OctKey.generate_key(256, {"kid": "shared"})
    ring.extra["shared"] = key
    for algorithm in ("HS256", "RS256"):
        head = {"alg": algorithm, "typ": "JWT", "kid": "shared"}
        await refused(tokens.sign(head, tokens.claims(), algorithm="HS256", key=key))


def public_key_spellings(tokens: TokenFactory, algorithm: str) -> dict[str, bytes]:
    """Everything public that a careless check could take for a shared secret."""
    key = tokens.key(algorithm)
    pem = key.as_pem(private=False)  # type: ignore[union-attr]  # asymmetric keys only
    return {
        "PEM": pem,
        "stripped PEM": pem.strip(),
        "PEM body": b"".join(pem.splitlines()[1:-1]),
        "DER": key.as_der(private=False),  # type: ignore[union-attr]  # asymmetric keys only
        "JWK": json.dumps(key.as_dict(private=False)).encode(),
        "number": decode(str(key.as_dict(private=False).get("n") or key.as_dict(private=False)["x"])),
        "kid": tokens.kid(algorithm).encode(),
        "empty": b"",
    }


@pytest.mark.requirement("RFC8725-3.2-current", "RFC8725-3.5-entropy")
@pytest.mark.parametrize("digest", ["256", "384", "512"])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_a_public_key_is_never_a_shared_secret(
    tokens: TokenFactory, refused: Refused, algorithm: str, digest: str
) -> None:
    head = {"alg": f"HS{digest}", "typ": "JWT", "kid": tokens.kid(algorithm)}
    signed = f"{encode_part(head)}.{encode_part(tokens.claims())}"
    for spelling, secret in public_key_spellings(tokens, algorithm).items():
        mac = hmac.new(secret, signed.encode(), getattr(hashlib, f"sha{digest}")).digest()
        assert await refused(f"{signed}.{encode_part(mac)}") is Reason.ALGORITHM, spelling


@pytest.mark.requirement("RFC8725-3.3-whole", "RFC9068-4-signature")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_one_changed_bit_anywhere_is_refused(tokens: TokenFactory, refused: Refused, algorithm: str) -> None:
    parts = tokens.token(algorithm=algorithm).split(".")
    for index in range(3):
        raw = decode(parts[index])
        for position in range(0, len(raw), max(1, len(raw) // 15)):
            flipped = bytearray(raw)
            flipped[position] ^= 1
            changed = [*parts[:index], encode_part(bytes(flipped)), *parts[index + 1 :]]
            await refused(".".join(changed))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_a_signature_of_another_length_or_token_is_refused(
    tokens: TokenFactory, refused: Refused, algorithm: str
) -> None:
    signed, _, signature = tokens.token(algorithm=algorithm).rpartition(".")
    raw = decode(signature)
    other = decode(tokens.token(algorithm=algorithm, sub="someone").rpartition(".")[2])
    for wrong in (raw[:-1], raw[1:], raw + b"\0", b"\0" + raw, b"\0", b"\0" * len(raw), b"\xff" * len(raw), other):
        assert await refused(f"{signed}.{encode_part(wrong)}") is Reason.SIGNATURE


async def test_a_pss_signature_without_its_leading_zero_is_refused(tokens: TokenFactory, refused: Refused) -> None:
    # The salt is new each time, so one of about 256 signatures starts with a zero; OpenSSL takes the rest for the whole.
    made = (tokens.token(algorithm="PS256").rpartition(".") for _ in range(5000))
    signed, raw = next((signed, decode(end)) for signed, _, end in made if decode(end).startswith(b"\0"))
    assert await refused(f"{signed}.{encode_part(raw[1:])}") is Reason.SIGNATURE


async def test_an_ecdsa_signature_in_der_form_is_refused(tokens: TokenFactory, refused: Refused) -> None:
    signed, _, signature = tokens.token(algorithm="ES256").rpartition(".")
    raw = decode(signature)
    integers = b"".join(b"\x02\x21\x00" + number for number in (raw[:32], raw[32:]))
    der = b"\x30" + bytes([len(integers)]) + integers
    assert await refused(f"{signed}.{encode_part(der)}") is Reason.SIGNATURE


async def test_a_malleable_ed25519_signature_is_refused(tokens: TokenFactory, refused: Refused) -> None:
    signed, _, signature = tokens.token(algorithm="EdDSA").rpartition(".")
    raw = decode(signature)
    scalar = int.from_bytes(raw[32:], "little") + ED25519_ORDER
    assert await refused(f"{signed}.{encode_part(raw[:32] + scalar.to_bytes(32, 'little'))}") is Reason.SIGNATURE


async def test_the_payload_is_not_read_before_the_signature_is_good(tokens: TokenFactory, refused: Refused) -> None:
    head = {"alg": "RS256", "typ": "JWT", "kid": tokens.kid()}
    for payload in (b"not json", b"[" * 5_000, b'{"exp":NaN}'):
        token = tokens.sign(head, payload, key=make_key("ES256"), algorithm="ES256")
        assert await refused(token) is Reason.SIGNATURE


async def test_missing_keys_are_not_the_token_s_fault(tokens: TokenFactory, accepted: Accepted, ring: Any) -> None:
    class Unavailable(GatelodgeError):
        code = Code.KEYS_UNAVAILABLE

    ring.failure = Unavailable("the issuer does not answer")
    with pytest.raises(Unavailable) as caught:
        await accepted(tokens.token())
    assert caught.value is ring.failure


async def test_an_unknown_key_keeps_its_cause_for_the_operator(tokens: TokenFactory, accepted: Accepted) -> None:
    with pytest.raises(TokenRejected) as caught:
        await accepted(tokens.token(header={"kid": "unknown"}))
    assert isinstance(caught.value.__cause__, GatelodgeError)
    assert "unknown" not in caught.value.public
