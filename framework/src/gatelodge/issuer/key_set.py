"""One JWK set turned into verification keys (RFC 7517; RFC 7518, section 6; RFC 8037).

Invariant: what comes out is a public key for signatures, strong enough, of a kind this module knows, under an id that
only it has. A key that does not qualify is left out alone; a set that holds private or symmetric material is refused
whole, because its owner has lost control of it.

Not here: fetching and keeping a set (``keys``), checking a signature (``resource_server``).
"""

import base64
import binascii
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from gatelodge.issuer.rsa_strength import weakness

__all__ = ["KeySetRefused", "fits", "read_key_set"]

logger = logging.getLogger(__name__)

# RFC 8725, section 3.1: one algorithm for a key. Type and curve tell it, but for RSA keys; one that names none is for
# the algorithm that OpenID Connect assumes when nothing is said (Discovery 1.0, section 3; Core 1.0, section 15.1).
UNNAMED_RSA = "RS256"
# Algorithm names to the key they need: type and, where it matters, curve (RFC 7518, section 3.1; RFC 8037; RFC 9864).
NEEDS: dict[str, tuple[str, str | None]] = {
    **{f"{family}{size}": ("RSA", None) for family in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
KINDS = set(NEEDS.values())
MAX_KEYS = 100


class KeySetRefused(ValueError):
    """The whole set cannot be used; the text says why."""


class _Unfit(ValueError):
    """One key cannot be used; the text says why."""


def read_key_set(document: Mapping[str, Any]) -> dict[str, Key]:
    """The usable keys of a JWK set by their ``kid``, at least one. Raises: KeySetRefused."""
    entries = document.get("keys")
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise KeySetRefused(f"no 'keys' list of at most {MAX_KEYS} entries")
    if any(isinstance(entry, dict) and (entry.get("kty") == "oct" or "d" in entry) for entry in entries):
        raise KeySetRefused("the set publishes a private or symmetric key")
    # Counted over all entries: an id that two keys share names neither, whatever their use.
    count = Counter(entry["kid"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("kid"), str))
    keys: dict[str, Key] = {}
    for entry in entries:
        try:
            key = _read_key(entry, count)
        except _Unfit as error:
            logger.info("signing key left out: %s", error)
        else:
            keys[str(key.kid)] = key
    if not keys:
        raise KeySetRefused("no usable signing key in the set")
    return keys


def fits(key: Key, algorithm: str) -> bool:
    """Whether ``key`` may verify signatures of ``algorithm``, the one it is published for."""
    if algorithm not in NEEDS:
        return False
    kind, curve = NEEDS[algorithm]
    if key.key_type != kind or curve not in {None, key.get("crv")}:
        return False
    return algorithm == key.get("alg", UNNAMED_RSA if kind == "RSA" else algorithm)


def _read_key(entry: object, count: Mapping[str, int]) -> Key:
    if not isinstance(entry, dict):
        raise _Unfit("no JSON object")
    kid = entry.get("kid")
    if not isinstance(kid, str) or not kid:
        raise _Unfit("no 'kid'")
    if count[kid] > 1:
        raise _Unfit(f"'kid' {kid[:80]!r} is used twice")
    # ``use`` is optional (RFC 7517, section 4.2); without it the key has to say by ``alg`` that it is for signatures.
    if entry.get("use", "sig") != "sig" or not {"use", "alg"} & entry.keys():
        raise _Unfit(f"{kid[:80]!r} is not for signatures")
    operations = entry.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        raise _Unfit(f"{kid[:80]!r} is not for verifying")
    try:
        return _import(entry, kid)
    # What joserfc and cryptography raise for numbers that make no key.
    except (JoseError, ValueError) as error:
        raise _Unfit(f"{kid[:80]!r}: {error}") from error


def _import(entry: Mapping[str, Any], kid: str) -> Key:
    """The key, from the members that define it only: certificates and unknown members are never looked at."""
    kind, algorithm = entry.get("kty"), entry.get("alg")
    if not isinstance(kind, str) or kind not in MEMBERS:
        raise _Unfit("unknown 'kty'")
    if algorithm is not None and not (isinstance(algorithm, str) and algorithm in NEEDS):
        raise _Unfit("unknown 'alg'")
    data: dict[str, Any] = {"kty": kind, "kid": kid, "use": "sig"}
    for member in MEMBERS[kind]:
        value = entry.get(member)
        if not isinstance(value, str):
            raise _Unfit(f"no {member!r}")
        data[member] = value
    if algorithm is not None:
        data["alg"] = algorithm
    key = _make(kind, data)
    if algorithm is not None and not fits(key, algorithm):
        raise _Unfit("'alg' does not go with the key")
    return key


def _make(kind: str, data: dict[str, Any]) -> Key:
    if kind == "RSA":
        # Before the import: the library only warns of a short key.
        weak = weakness(_number(data["n"]), _number(data["e"]))
        if weak is not None:
            raise _Unfit(weak)
        return RSAKey.import_key(data)
    if (kind, data["crv"]) not in KINDS:
        raise _Unfit("'crv' is unknown or of another 'kty'")
    return ECKey.import_key(data) if kind == "EC" else OKPKey.import_key(data)


def _number(text: str) -> int:
    try:
        return int.from_bytes(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise _Unfit("a number is not base64url") from error
