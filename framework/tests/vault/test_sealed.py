"""Values of this program itself: sealed for one purpose and what they are bound to."""

import asyncio

import pytest
from vaults import new_keyring

from gatelodge.vault.current_keys import CurrentKeys
from gatelodge.vault.errors import VaultKeyUnusable
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.sealed import NotAuthentic, SealedBox


def test_a_value_opens_for_its_purpose_and_binding_only() -> None:
    keyring = new_keyring()
    box = SealedBox(keyring, "one")
    sealed = box.seal(b"value", "a", "b")
    assert box.open(sealed, "a", "b") == b"value"
    assert box.seal(b"value", "a", "b") != sealed
    assert b"value" not in sealed
    others = [(SealedBox(keyring, "two"), ("a", "b")), (SealedBox(new_keyring(), "one"), ("a", "b"))]
    for other, bound in [*others, (box, ("a",)), (box, ("ab", "")), (box, ("b", "a")), (box, ("a", "b", ""))]:
        with pytest.raises(NotAuthentic):
            other.open(sealed, *bound)


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    box = SealedBox(new_keyring(), "one")
    sealed = box.seal(b"value", "a")
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(NotAuthentic):
            box.open(bytes(changed), "a")
    for length in range(len(sealed)):
        with pytest.raises(NotAuthentic):
            box.open(sealed[:length], "a")


def test_an_older_key_opens_and_the_primary_seals() -> None:
    old = new_keyring()
    ring = new_keyring(old)
    assert SealedBox(ring, "one").open(SealedBox(old, "one").seal(b"value")) == b"value"
    sealed = SealedBox(ring, "one").seal(b"value")
    assert sealed[1:5] == ring.primary.id
    with pytest.raises(NotAuthentic):
        SealedBox(old, "one").open(sealed)


def test_the_key_of_a_purpose_is_not_the_key_itself() -> None:
    keyring, seen = new_keyring(), list[int]()

    def random(count: int) -> bytes:
        seen.append(count)
        return bytes(count)

    texts = [SealedBox(keyring, purpose, random=random).seal(b"value")[17:-16] for purpose in ("one", "two")]
    # The same nonce and value: only another key gives another text in front of the tag.
    assert texts[0] != texts[1]
    assert seen == [12, 12]


async def test_a_value_of_a_newer_key_opens_when_the_keys_are_read_again_once_for_all_who_wait() -> None:
    old = new_keyring()
    ring, read = new_keyring(old), list[Keyring]()

    def reload() -> Keyring:
        read.append(ring)
        return ring

    keys = CurrentKeys(old, reload=reload)
    sealed = [SealedBox(ring, purpose).seal(b"value", "a") for purpose in ("one", "two")]
    with pytest.raises(NotAuthentic):
        SealedBox(keys, "one").open(sealed[0], "a")
    opened = (
        SealedBox(keys, purpose).opened(value, "a") for purpose, value in zip(("one", "two"), sealed, strict=True)
    )
    assert await asyncio.gather(*opened) == [b"value", b"value"]
    assert len(read) == 1
    assert (await SealedBox(keys, "one").sealed(b"value"))[1:5] == ring.primary.id
    assert await SealedBox(keys, "one").opened(SealedBox(old, "one").seal(b"older")) == b"older"
    assert len(read) == 1, "a key that is there is not read again"


async def test_keys_that_cannot_be_read_again_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    def reload() -> Keyring:
        raise VaultKeyUnusable("the key file is away")

    old = new_keyring()
    sealed = SealedBox(new_keyring(old), "one").seal(b"value")
    for keys in (CurrentKeys(old, reload=reload), CurrentKeys(old), old):
        box = SealedBox(keys, "one")
        with pytest.raises(NotAuthentic):
            await box.opened(sealed)
        assert await box.opened(await box.sealed(b"value")) == b"value"
    assert caplog.text.count("cannot be read again: the key file is away") == 1
