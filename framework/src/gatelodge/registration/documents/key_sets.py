"""A client's key set, as Keycloak may read it (RFC 7517).

Invariant: public keys for signatures only, strong enough, each with an id of its own, with no member but those that
make the key: no certificate, no URL.
"""

from collections.abc import Mapping
from typing import Any

from gatelodge.issuer.key_set import MEMBERS, KeySetRefused, read_key_set
from gatelodge.registration.documents.errors import DocumentInvalid

__all__ = ["MAX_SET_BYTES", "public_keys"]

MAX_KEYS = 20
MAX_SET_BYTES = 64 * 1024
# RFC 7518, section 6; RFC 8037, section 2: private parts of RSA, EC and OKP keys, and the symmetric key.
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def public_keys(key_set: object) -> dict[str, Any]:
    """``{"keys": [...]}`` of what is usable in a JWK set, at least one key. Raises: DocumentInvalid."""
    entries = key_set.get("keys") if isinstance(key_set, Mapping) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_KEYS:
        raise DocumentInvalid(f"The key set must be an object with 'keys', an array of 1 to {MAX_KEYS} keys.")
    if any(isinstance(entry, Mapping) and (_PRIVATE & entry.keys() or entry.get("kty") == "oct") for entry in entries):
        raise DocumentInvalid(
            "The key set publishes a private or symmetric key. Replace that key, and publish no such."
        )
    try:
        usable = read_key_set({"keys": entries})
    except KeySetRefused as error:
        wanted = "RSA of at least 2048 bits, EC (P-256, P-384, P-521) or Ed25519, with 'kid' and with 'use' or 'alg'"
        raise DocumentInvalid(f"The key set has no usable public key: {wanted}.", detail=str(error)) from error
    # read_key_set leaves out every entry of an id that occurs twice, so an id names one entry.
    return {"keys": [_reduced(entry) for entry in entries if isinstance(entry, dict) and entry.get("kid") in usable]}


def _reduced(entry: Mapping[str, Any]) -> dict[str, Any]:
    members = ("kty", "kid", "alg", *MEMBERS[entry["kty"]])
    return {"use": "sig"} | {name: entry[name] for name in members if name in entry}
