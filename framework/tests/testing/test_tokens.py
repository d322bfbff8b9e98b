"""The tokens are checked by joserfc itself, as a stranger to this factory."""

import base64
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from gatelodge.testing.clock import ManualClock
from gatelodge.testing.tokens import TokenFactory, encode_part, make_key

ISSUER = "https://localhost:8443/realms/mcp"
AUDIENCE = "https://localhost:8443/mcp"


@pytest.fixture
def tokens() -> TokenFactory:
    return TokenFactory(ISSUER, AUDIENCE, ManualClock(1_700_000_000.0))


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload, _ = token.split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, payload)]
    return decoded[0], decoded[1]


def verified(tokens: TokenFactory, token: str, algorithm: str) -> dict[str, Any]:
    published: Any = tokens.jwks()
    return jwt.decode(token, KeySet.import_key_set(published), algorithms=[algorithm]).claims


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
def test_a_token_verifies_with_the_published_keys(tokens: TokenFactory, algorithm: str) -> None:
    claims = verified(tokens, tokens.token(algorithm=algorithm), algorithm)

    assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)


def test_a_token_has_the_header_and_claims_of_keycloak(tokens: TokenFactory) -> None:
    header, claims = parts(tokens.token())

    assert header == {"alg": "RS256", "typ": "JWT", "kid": tokens.kid()}
    assert {"exp", "iat", "jti", "iss", "aud", "sub", "typ", "azp", "sid", "acr", "scope"} <= claims.keys()
    assert claims["typ"] == "Bearer"
    assert claims["exp"] - claims["iat"] == 300
    assert claims["iat"] == 1_700_000_000


def test_an_override_replaces_adds_or_removes_a_claim(tokens: TokenFactory) -> None:
    _, claims = parts(tokens.token(aud=["a", "b"], nbf=5, sub=None, absent=None))

    assert claims["aud"] == ["a", "b"]
    assert claims["nbf"] == 5
    assert not {"sub", "absent"} & claims.keys()


def test_an_override_replaces_adds_or_removes_a_header_member(tokens: TokenFactory) -> None:
    header, _ = parts(tokens.token(header={"typ": "at+jwt", "crit": [1], "kid": None}))

    assert header == {"alg": "RS256", "typ": "at+jwt", "crit": [1]}


def test_a_token_of_a_foreign_key_keeps_our_key_id_and_does_not_verify(tokens: TokenFactory) -> None:
    forged = tokens.token(key=make_key("RS256"))

    assert parts(forged)[0]["kid"] == tokens.kid()
    with pytest.raises(BadSignatureError):
        verified(tokens, forged, "RS256")


def test_any_bytes_can_be_signed(tokens: TokenFactory) -> None:
    header, payload = b'{"alg":"RS256","alg":"none"}', b"[1,NaN]"

    assert tokens.sign(header, payload).startswith(f"{encode_part(header)}.{encode_part(payload)}.")


def test_no_private_member_is_published(tokens: TokenFactory) -> None:
    members = {member for key in tokens.jwks()["keys"] for member in key}

    assert not members & {"d", "p", "q", "dp", "dq", "qi", "k"}


def test_the_key_set_holds_one_encryption_key_as_keycloak_has_it(tokens: TokenFactory) -> None:
    first = [key for key in tokens.jwks()["keys"] if key["use"] == "enc"]

    assert [key["alg"] for key in first] == ["RSA-OAEP"]
    assert [key for key in tokens.jwks()["keys"] if key["use"] == "enc"] == first


def test_rotation_signs_with_a_new_key_and_publishes_both(tokens: TokenFactory) -> None:
    old, before = tokens.token(), tokens.kid()
    tokens.rotate()

    assert tokens.kid() != before
    assert verified(tokens, old, "RS256")
    assert verified(tokens, tokens.token(), "RS256")


def test_rotation_can_withdraw_the_old_key_at_once(tokens: TokenFactory) -> None:
    before = tokens.kid()
    tokens.rotate(keep_old=False)

    assert before not in {key["kid"] for key in tokens.jwks()["keys"]}
