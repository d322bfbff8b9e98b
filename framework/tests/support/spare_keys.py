"""RSA keys for token factories, used again by later tests: one takes a tenth of a second to make, and tests ask for thousands.

Invariant: what is asked for within one test is another key each time, and none that a fixture or a cache still holds.
"""

import uuid
import weakref

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import Key, RSAKey

from gatelodge.testing.tokens import make_key

__all__ = ["SpareKeys"]


class SpareKeys:
    """What factories make their keys with; the keys are real and random."""

    def __init__(self) -> None:
        self._made: list[rsa.RSAPrivateKey] = []
        self._holders: dict[int, weakref.ref[RSAKey]] = {}
        self._free: list[int] = []

    def next_test(self) -> None:
        """Keys become free between tests only: within one, a key that was thrown away must not come back."""
        self._free = [number for number, holder in self._holders.items() if holder() is None]

    def make(self, algorithm: str, *, kid: str | None = None, use: str = "sig") -> Key:
        """As ``gatelodge.testing.tokens.make_key``."""
        if not algorithm.startswith(("RS", "PS")):
            return make_key(algorithm, kid=kid, use=use)
        if not self._free:
            self._free.append(len(self._made))
            self._made.append(rsa.generate_private_key(65537, 2048))
        number = self._free.pop()
        given = RSAKey.import_key(self._made[number], {"kid": kid or uuid.uuid4().hex, "use": use, "alg": algorithm})
        self._holders[number] = weakref.ref(given)
        return given
