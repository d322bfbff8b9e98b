import math

import pytest

from gatelodge.issuer.rsa_strength import SMALL_PRIMES, weakness


def modulus(bits: int) -> int:
    return (1 << (bits - 1)) + 15


@pytest.mark.parametrize("bits", [2048, 3072, 4096, 8192])
def test_a_key_of_usual_size_and_exponent_is_strong(bits: int) -> None:
    assert weakness(modulus(bits), 65537) is None


@pytest.mark.requirement("RFC8725-3.5-entropy")
@pytest.mark.parametrize("bits", [512, 1024, 2047, 8193, 16384])
def test_a_key_too_short_or_too_long_is_weak(bits: int) -> None:
    assert weakness(modulus(bits), 65537) == "RSA key not of 2048 to 8192 bits"


@pytest.mark.parametrize("exponent", [0, 1, 3, 17, 65536, 65539, 2**64 + 1])
def test_another_exponent_is_weak(exponent: int) -> None:
    assert weakness(modulus(2048), exponent) == "RSA exponent is not 65537"


@pytest.mark.parametrize("power", [0, 1, 2, 12345])
def test_a_modulus_with_the_mark_of_the_broken_generator_is_weak(power: int) -> None:
    product = math.prod(SMALL_PRIMES)
    marked = (modulus(2048) // product + 1) * product + pow(65537, power, product)

    assert "CVE-2017-15361" in str(weakness(marked, 65537))


def test_the_small_primes_are_the_odd_ones_up_to_167() -> None:
    assert (SMALL_PRIMES[0], SMALL_PRIMES[-1], len(SMALL_PRIMES)) == (3, 167, 38)
