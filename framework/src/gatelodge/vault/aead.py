"""AES-256-GCM (NIST SP 800-38D) with one key length, one nonce length and the full tag; nothing else is accepted.

Not here: which nonce and which additional data (``envelope``).
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KEY_BYTES", "NONCE_BYTES", "TAG_BYTES", "NotAuthentic", "decrypt", "encrypt"]

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class NotAuthentic(Exception):
    """What was read is not what was sealed; it says no more, so that nobody learns which part differs."""


def encrypt(key: bytes, nonce: bytes, plaintext: bytes, bound: bytes) -> bytes:
    """Ciphertext and tag; ``bound`` is authenticated with them. Raises: ValueError for another size."""
    _check(key, nonce)
    return AESGCM(key).encrypt(nonce, plaintext, bound)


def decrypt(key: bytes, nonce: bytes, ciphertext: bytes, bound: bytes) -> bytes:
    """The plaintext. Raises: NotAuthentic; ValueError for another size of key or nonce."""
    _check(key, nonce)
    if len(ciphertext) < TAG_BYTES:
        raise NotAuthentic
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, bound)
    except InvalidTag:
        raise NotAuthentic from None


def _check(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES:
        raise ValueError("AES-256-GCM takes a key of 32 bytes and a nonce of 12")
