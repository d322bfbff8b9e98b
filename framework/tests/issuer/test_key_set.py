import logging
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from gatelodge.issuer.key_set import NEEDS, KeySetRefused, fits, read_key_set
from gatelodge.testing.tokens import TokenFactory, make_key

GOOD = "good"


@pytest.fixture(scope="module")
def rsa() -> dict[str, Any]:
    return dict(make_key("RS256", kid="rsa").as_dict(private=False))


@pytest.fixture(scope="module")
def elliptic() -> dict[str, Any]:
    return dict(make_key("ES256", kid="ec").as_dict(private=False))


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    return dict(make_key("EdDSA", kid=GOOD).as_dict(private=False))


def usable(*entries: object) -> set[str]:
    return set(read_key_set({"keys": list(entries)}))


def test_the_set_of_a_realm_gives_its_signing_keys_and_not_its_encryption_key(tokens: TokenFactory) -> None:
    names = ("RS256", "ES256", "EdDSA", "PS256")
    kids = {tokens.kid(name) for name in names}
    document = tokens.jwks()

    keys = read_key_set(document)

    assert set(keys) == kids
    assert len(document["keys"]) == len(names) + 1
    assert not any(key.is_private for key in keys.values())


@pytest.mark.requirement("RFC8725-3.1-key-algorithm")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"])
def test_a_key_fits_its_own_algorithm_and_no_other(algorithm: str) -> None:
    key = read_key_set({"keys": [make_key(algorithm, kid="k").as_dict(private=False)]})["k"]

    others = {"RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519", "HS256", "none", ""} - {algorithm}
    assert fits(key, algorithm)
    assert not any(fits(key, other) for other in others)


@pytest.mark.requirement("RFC8725-3.1-one-algorithm")
def test_a_key_without_alg_is_for_the_one_algorithm_that_its_kind_tells(
    rsa: dict[str, Any], elliptic: dict[str, Any], good: dict[str, Any]
) -> None:
    keys = read_key_set({"keys": [{k: v for k, v in entry.items() if k != "alg"} for entry in (rsa, elliptic, good)]})

    assert [name for name in NEEDS if fits(keys["rsa"], name)] == ["RS256"]
    assert [name for name in NEEDS if fits(keys["ec"], name)] == ["ES256"]
    # Two names of one algorithm (RFC 9864, section 2.2).
    assert [name for name in NEEDS if fits(keys[GOOD], name)] == ["EdDSA", "Ed25519"]


@pytest.mark.parametrize("operations", [None, ["verify"]])
def test_a_key_without_use_is_taken_when_its_alg_is_for_signatures(
    rsa: dict[str, Any], good: dict[str, Any], operations: list[str] | None
) -> None:
    entry = {name: value for name, value in rsa.items() if name != "use"}
    named = {**entry, **({"key_ops": operations} if operations else {})}

    assert usable(named, good) == {"rsa", GOOD}
    assert usable({**named, "alg": "RSA-OAEP"}, good) == {GOOD}
    assert usable({name: value for name, value in named.items() if name != "alg"}, good) == {GOOD}


def test_certificates_and_unknown_members_are_not_looked_at(rsa: dict[str, Any]) -> None:
    extra = {"x5c": 7, "x5u": "ftp://evil.example/", "x5t": None, "nbf": [], "d2": "x"}

    key = read_key_set({"keys": [{**rsa, **extra}]})["rsa"]

    assert set(key.as_dict()) == {"kty", "kid", "use", "alg", "n", "e"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"use": "enc"}, id="for encryption"),
        pytest.param({"use": None}, id="use is null"),
        pytest.param({"use": ["sig"]}, id="use is a list"),
        pytest.param({"key_ops": ["encrypt"]}, id="key_ops without verify"),
        pytest.param({"key_ops": "verify"}, id="key_ops is a string"),
        pytest.param({"kid": None}, id="kid is null"),
        pytest.param({"kid": ""}, id="kid is empty"),
        pytest.param({"kid": 7}, id="kid is a number"),
        pytest.param({"kty": None}, id="kty is null"),
        pytest.param({"kty": "AKP"}, id="kty is unknown"),
        pytest.param({"kty": ["RSA"]}, id="kty is a list"),
        pytest.param({"alg": "RSA-OAEP"}, id="alg for encryption"),
        pytest.param({"alg": "ES521"}, id="alg is unknown"),
        pytest.param({"alg": "ES256"}, id="alg of another kind"),
        pytest.param({"n": None}, id="a number is missing"),
        pytest.param({"n": 7}, id="a number is a number"),
        pytest.param({"n": "!!!!"}, id="a number is no base64url"),
        pytest.param({"n": "é"}, id="a number is not ASCII"),
        pytest.param({"n": "A"}, id="a number has an impossible length"),
        pytest.param({"e": "AQ"}, id="exponent 1"),
        pytest.param({"e": "Aw"}, id="exponent 3"),
        pytest.param({"e": ""}, id="exponent is empty"),
    ],
)
def test_an_rsa_key_that_does_not_qualify_is_left_out_alone(
    rsa: dict[str, Any], good: dict[str, Any], change: dict[str, Any]
) -> None:
    assert usable(rsa, good) == {"rsa", GOOD}
    assert usable({**rsa, **change}, good) == {GOOD}


@pytest.mark.requirement("RFC8725-3.4-inputs")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"crv": "P-384"}, id="curve of another size"),
        pytest.param({"crv": "secp256k1"}, id="curve unknown here"),
        pytest.param({"crv": ["P-256"]}, id="curve is a list"),
        pytest.param({"alg": "ES384"}, id="alg of another curve"),
        pytest.param({"alg": ["ES256"]}, id="alg is a list"),
        pytest.param({"x": "AA"}, id="point off the curve"),
        pytest.param({"x": "*"}, id="no base64url"),
        pytest.param({"x": ""}, id="empty coordinate"),
    ],
)
def test_an_elliptic_key_that_does_not_qualify_is_left_out_alone(
    elliptic: dict[str, Any], good: dict[str, Any], change: dict[str, Any]
) -> None:
    assert usable(elliptic, good) == {"ec", GOOD}
    assert usable({**elliptic, **change}, good) == {GOOD}


@pytest.mark.requirement("RFC8725-3.4-inputs")
@pytest.mark.parametrize("change", [{"x": "AA"}, {"x": "*"}, {"crv": "X25519"}, {"crv": "Ed448"}, {"crv": "P-256"}])
def test_an_edwards_key_that_does_not_qualify_is_left_out_alone(
    elliptic: dict[str, Any], good: dict[str, Any], change: dict[str, Any]
) -> None:
    assert usable({**good, **change}, elliptic) == {"ec"}


@pytest.mark.parametrize("entry", [None, 7, "key", [], [["kid", "x"]]])
def test_an_entry_that_is_no_object_is_left_out_alone(good: dict[str, Any], entry: object) -> None:
    assert usable(entry, good) == {GOOD}


@pytest.mark.requirement("RFC8725-3.5-entropy")
@pytest.mark.filterwarnings("ignore:.*1024|.*2048:UserWarning")
def test_a_short_rsa_key_is_left_out_alone(good: dict[str, Any]) -> None:
    short = RSAKey.generate_key(1024, {"kid": "short", "use": "sig", "alg": "RS256"}).as_dict(private=False)

    assert usable(short, good) == {GOOD}


def test_an_id_of_two_keys_names_neither(rsa: dict[str, Any], elliptic: dict[str, Any], good: dict[str, Any]) -> None:
    assert usable(rsa, {**elliptic, "kid": "rsa"}, good) == {GOOD}
    assert usable(rsa, rsa, good) == {GOOD}
    assert usable(rsa, {**elliptic, "kid": "rsa", "use": "enc"}, good) == {GOOD}


def test_the_reason_for_leaving_a_key_out_is_logged(
    rsa: dict[str, Any], good: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="gatelodge.issuer.key_set"):
        usable({**rsa, "e": "Aw"}, good)

    assert [record.getMessage() for record in caplog.records] == [
        "signing key left out: 'rsa': RSA exponent is not 65537"
    ]


def test_a_set_with_a_private_key_is_refused_whole(good: dict[str, Any]) -> None:
    leaked = ECKey.generate_key("P-256", {"kid": "leak", "use": "sig"}).as_dict(private=True)

    with pytest.raises(KeySetRefused, match="private or symmetric") as caught:
        usable(good, leaked)
    assert str(leaked["d"]) not in str(caught.value)


@pytest.mark.requirement("RFC8725-3.5-entropy")
def test_a_set_with_a_symmetric_key_is_refused_whole(good: dict[str, Any]) -> None:
    with pytest.raises(KeySetRefused, match="private or symmetric"):
        usable(good, {"kty": "oct", "kid": "s", "k": "c2VjcmV0"})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": None},
        {"keys": {}},
        {"keys": "x"},
        {"keys": []},
        {"keys": [{"kty": "AKP", "kid": "pq", "use": "sig"}]},
    ],
)
def test_a_set_without_a_usable_key_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(KeySetRefused):
        read_key_set(document)


def test_a_set_of_too_many_entries_is_refused_whole(good: dict[str, Any]) -> None:
    assert usable(good, *[{}] * 99) == {GOOD}
    with pytest.raises(KeySetRefused, match="at most 100"):
        usable(good, *[{}] * 100)
