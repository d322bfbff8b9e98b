"""Whether the numbers of an RSA public key are worth trusting (RFC 7518, section 3.3; CVE-2017-15361).

Invariant: pure arithmetic on the public numbers; no key object is made of numbers that fail here.
"""

from collections.abc import Iterator

__all__ = ["weakness"]

# Shorter ones are breakable; longer ones make each check slow enough to be a way to hurt us.
BITS = range(2048, 8192 + 1)
EXPONENT = 65537
SMALL_PRIMES = [n for n in range(3, 168) if all(n % d for d in range(2, n))]


def weakness(modulus: int, exponent: int) -> str | None:
    """Why the key must not be used, or None."""
    if modulus.bit_length() not in BITS:
        return f"RSA key not of {BITS.start} to {BITS.stop - 1} bits"
    if exponent != EXPONENT:
        return f"RSA exponent is not {EXPONENT}"
    if all(modulus % prime in _powers(prime) for prime in SMALL_PRIMES):
        return "RSA key made by the broken generator of CVE-2017-15361"
    return None


def _powers(prime: int) -> Iterator[int]:
    """The residues of the powers of 65537: that generator makes no other modulus, chance almost always does."""
    value = 1
    while True:
        yield value
        value = value * EXPONENT % prime
        if value == 1:
            return
