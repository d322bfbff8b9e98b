"""The sealed form: what it binds, and that whatever is changed does not open."""

import os
import secrets
from dataclasses import replace

import pytest
from vaults import ALICE

from gatelodge.vault import aead
from gatelodge.vault.aead import NotAuthentic
from gatelodge.vault.envelope import VERSION, Binding, Key, open_sealed, seal
from gatelodge.vault.owner import Owner

KEY = Key(bytes.fromhex("0a0b0c0d"), secrets.token_bytes(32))
BINDING = Binding(ALICE, "c" * 32, "d" * 32, "access_token")


def test_the_form_is_version_key_id_nonce_ciphertext_and_tag() -> None:
    sealed = seal(KEY, BINDING, b"token", random=lambda size: b"n" * size)
    assert sealed[:17] == bytes((VERSION,)) + KEY.id + b"n" * 12
    assert len(sealed) == 17 + len(b"token") + 16
    assert open_sealed(KEY, BINDING, sealed) == b"token"


def test_the_same_value_sealed_twice_differs() -> None:
    assert seal(KEY, BINDING, b"token") != seal(KEY, BINDING, b"token")


def test_no_bit_can_be_changed() -> None:
    sealed = seal(KEY, BINDING, b"token")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NotAuthentic):
            open_sealed(KEY, BINDING, bytes(changed))


def test_no_part_can_be_left_out_or_added() -> None:
    sealed = seal(KEY, BINDING, b"token")
    for size in range(len(sealed)):
        with pytest.raises(NotAuthentic):
            open_sealed(KEY, BINDING, sealed[:size])
    with pytest.raises(NotAuthentic):
        open_sealed(KEY, BINDING, sealed + b"\0")


@pytest.mark.parametrize(
    "other",
    [
        replace(BINDING, owner=Owner("https://other.example", ALICE.user, ALICE.provider)),
        replace(BINDING, owner=Owner(ALICE.tenant, "bob", ALICE.provider)),
        replace(BINDING, owner=Owner(ALICE.tenant, ALICE.user, "jira")),
        # The same bytes one after the other, cut elsewhere.
        replace(BINDING, owner=Owner(ALICE.tenant + "a", "lice", ALICE.provider)),
        replace(BINDING, connection="e" * 32),
        replace(BINDING, data_key="e" * 32),
        replace(BINDING, field="refresh_token"),
        replace(BINDING, field=None),
    ],
)
def test_a_value_opens_only_where_it_belongs(other: Binding) -> None:
    with pytest.raises(NotAuthentic):
        open_sealed(KEY, other, seal(KEY, BINDING, b"token"))


def test_a_value_opens_only_by_its_key_and_that_keys_id() -> None:
    sealed = seal(KEY, BINDING, b"token")
    for other in (Key(KEY.id, secrets.token_bytes(32)), Key(b"1234", KEY.secret)):
        with pytest.raises(NotAuthentic):
            open_sealed(other, BINDING, sealed)
    renamed = sealed[:1] + b"1234" + sealed[5:]
    with pytest.raises(NotAuthentic):
        open_sealed(Key(b"1234", KEY.secret), BINDING, renamed)


@pytest.mark.parametrize(("key", "nonce"), [(16, 12), (24, 12), (33, 12), (32, 8), (32, 16), (32, 0)])
def test_other_sizes_of_key_and_nonce_are_refused(key: int, nonce: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        aead.encrypt(os.urandom(key), os.urandom(nonce), b"", b"")
    with pytest.raises(ValueError, match="32 bytes"):
        aead.decrypt(os.urandom(key), os.urandom(nonce), bytes(16), b"")
