"""The signature of a token whose header was judged: the key of its issuer, and whether the signature is that key's.

Invariant: whatever the token or the key is, a failure is TokenRejected; only missing keys pass as KeysUnavailable.
Not here: the header (``jws``), the claims.
"""

from typing import Protocol

from joserfc.errors import JoseError
from joserfc.jwk import Key, RSAKey
from joserfc.jws import JWSRegistry

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jws import SignedToken

__all__ = ["KeyFinder", "check_signature", "find_key"]


class KeyFinder(Protocol):
    """Where verification keys come from (``issuer.keys``)."""

    async def find(self, kid: str, algorithm: str) -> Key:
        """The one public key of that id. Raises: an error of code TOKEN_REJECTED (unknown) or KEYS_UNAVAILABLE."""


async def find_key(signed: SignedToken, keys: KeyFinder) -> Key:
    """The key that the header names. Raises: TokenRejected; KeysUnavailable."""
    try:
        return await keys.find(signed.kid, signed.algorithm)
    except GatelodgeError as error:
        if error.code is Code.TOKEN_REJECTED:
            raise TokenRejected(Reason.KEY_UNKNOWN, "the issuer has no such key for this algorithm") from error
        raise


def check_signature(signed: SignedToken, key: Key) -> None:
    """Raises: TokenRejected, when the signature is not the key's."""
    # Not by the library's own look-up, which warns at each use of the name EdDSA.
    algorithm = JWSRegistry.algorithms[signed.algorithm]
    try:
        algorithm.check_key(key)
        # RFC 8037's EdDSA means either curve; only Ed25519 is allowed here.
        fits = signed.algorithm != "EdDSA" or key.get("crv") == "Ed25519"
        # RFC 8017, section 8.1.2: of the modulus's length. OpenSSL takes a PSS signature without its leading zeros.
        fits = fits and (not isinstance(key, RSAKey) or len(signed.signature) == (key.public_key.key_size + 7) // 8)
        valid = fits and algorithm.verify(signed.signing_input, signed.signature, key)
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRejected(Reason.SIGNATURE, "the key does not fit the token") from error
    if not valid:
        raise TokenRejected(Reason.SIGNATURE, "the signature is not the key's")
