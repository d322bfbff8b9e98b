"""An authorization under way: once, for ten minutes, for one user, browser, provider and server."""

import hashlib
import sqlite3
from pathlib import Path

import pytest
from vaults import ALICE, BOB, Vault, new_keyring

from gatelodge.connections.state import LIFE, AuthorizationStates
from gatelodge.connections.web_errors import StateRefused
from gatelodge.core.secret import Secret
from gatelodge.vault.owner import Owner
from gatelodge.vault.sealed import SealedBox


def states(vault: Vault, audience: str = "a") -> AuthorizationStates:
    return AuthorizationStates(vault.db, vault.keyring, vault.clock, audience=audience)


async def test_a_state_gives_back_once_what_it_was_begun_with(either_vault: Vault) -> None:
    kept = states(either_vault)
    state = await kept.begin(ALICE, "session", "https://app.example/", "verifier")
    begun = await kept.finish(Secret(state), ALICE, "session")
    assert (begun.owner, begun.return_to, begun.verifier) == (ALICE, "https://app.example/", "verifier")
    assert "verifier" not in repr(begun)
    with pytest.raises(StateRefused, match="unknown or used"):
        await kept.finish(Secret(state), ALICE, "session")


async def test_a_state_begun_with_a_token_ends_in_any_browser_of_its_user(vault: Vault) -> None:
    state = await states(vault).begin(ALICE, None, None, "v")
    assert (await states(vault).finish(Secret(state), ALICE, "whichever")).session is None


@pytest.mark.parametrize(
    ("owner", "session", "reason"),
    [
        (BOB, "session", "another user"),
        (Owner("https://other.example", ALICE.user, ALICE.provider), "session", "another user"),
        (ALICE, "other", "another browser"),
        (Owner(ALICE.tenant, ALICE.user, "slack"), "session", "not for slack"),
    ],
)
async def test_a_state_of_somebody_or_something_else_is_refused_and_used_up(
    vault: Vault, owner: Owner, session: str, reason: str
) -> None:
    state = Secret(await states(vault).begin(ALICE, "session", None, "v"))
    with pytest.raises(StateRefused, match=reason):
        await states(vault).finish(state, owner, session)
    with pytest.raises(StateRefused, match="unknown or used"):
        await states(vault).finish(state, ALICE, "session")


@pytest.mark.parametrize(("later", "good"), [(LIFE - 1, True), (LIFE, False)])
async def test_a_state_ends_after_ten_minutes(vault: Vault, later: float, good: bool) -> None:
    state = Secret(await states(vault).begin(ALICE, "session", None, "v"))
    vault.clock.advance(later)
    if good:
        await states(vault).finish(state, ALICE, "session")
        return
    with pytest.raises(StateRefused, match="over"):
        await states(vault).finish(state, ALICE, "session")


@pytest.mark.parametrize("other", ["key", "server", "row"])
async def test_a_state_opens_with_its_key_server_and_row_only(vault: Vault, other: str) -> None:
    state = Secret(await states(vault).begin(ALICE, "session", None, "v"))
    kept = states(vault, "another") if other == "server" else states(vault)
    if other == "key":
        kept = AuthorizationStates(vault.db, new_keyring(), vault.clock, audience="a")
    if other == "row":
        second = await kept.begin(BOB, "session", None, "v")
        assert second
        await vault.sql(
            "UPDATE oauth_states SET sealed = (SELECT sealed FROM oauth_states WHERE owner !="
            " (SELECT owner FROM oauth_states ORDER BY rowid LIMIT 1))"
        )
    with pytest.raises(StateRefused, match="another key"):
        await kept.finish(state, ALICE, "session")


async def test_a_state_of_another_format_is_refused(vault: Vault) -> None:
    state = await states(vault).begin(ALICE, "session", None, "v")
    digest = hashlib.sha256(state.encode()).hexdigest()
    for content in (b"[0, 1, 2, 3, 4, 5, 6, 7]", b"[1]", b"no json"):
        sealed = SealedBox(vault.keyring, "authorization state").seal(content, "a", digest)
        await vault.sql("DELETE FROM oauth_states")
        await vault.sql("INSERT INTO oauth_states VALUES (:digest, '', :sealed, 9e9)", digest=digest, sealed=sealed)
        with pytest.raises(StateRefused, match=r"another (format|key)"):
            await states(vault).finish(Secret(state), ALICE, "session")


async def test_an_unknown_state_is_refused_whatever_it_is(vault: Vault) -> None:
    for state in ("", "x", "\ud800", "'; DROP TABLE oauth_states; --", "a" * 100_000):
        with pytest.raises(StateRefused, match="unknown"):
            await states(vault).finish(Secret(state), ALICE, "session")


async def test_one_user_has_twenty_states_at_most_and_leaves_others_alone(either_vault: Vault) -> None:
    kept = states(either_vault)
    bobs = Secret(await kept.begin(BOB, "session", None, "v"))
    first = Secret(await kept.begin(ALICE, "session", None, "v"))
    for _ in range(20):
        either_vault.clock.advance(1)
        last = Secret(await kept.begin(ALICE, "session", None, "v"))
    with pytest.raises(StateRefused, match="unknown"):
        await kept.finish(first, ALICE, "session")
    await kept.finish(last, ALICE, "session")
    await kept.finish(bobs, BOB, "session")
    async with either_vault.db.reading() as tx:
        assert len(await tx.all("SELECT digest FROM oauth_states")) == 19


async def test_states_that_are_over_are_cleaned_up(either_vault: Vault) -> None:
    kept = states(either_vault)
    await kept.begin(ALICE, "session", None, "v")
    assert await kept.sweep() == 0
    either_vault.clock.advance(LIFE)
    assert await kept.sweep() == 1


async def test_the_database_has_neither_state_nor_verifier_nor_user(vault: Vault) -> None:
    state = await states(vault).begin(ALICE, "session", "https://app.example/canary", "canary-verifier")
    file = Path(vault.config.path)
    with sqlite3.connect(file) as raw:
        dump = "\n".join(map(repr, raw.execute("SELECT * FROM oauth_states")))
    for secret in (state, "canary", ALICE.user):
        assert secret not in dump
