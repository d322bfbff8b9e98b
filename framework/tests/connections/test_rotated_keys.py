"""Two replicas while the key of their key file changes: what one begins the other ends, and nobody sees an error."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from accounts_site import Browser, Site, accounts_site
from vaults import Vault

from gatelodge.vault.current_keys import CurrentKeys
from gatelodge.vault.key_source import change_key_file, make_key_file, new_key, read_key_file
from gatelodge.vault.keyring import Keyring

ACCOUNTS = "/workspace/accounts"


@dataclass
class KeyFile:
    """The key file that replicas share, and how often one read it again."""

    path: Path
    vault: Vault
    read: list[str] = field(default_factory=list)

    def keys(self) -> CurrentKeys:
        """As a replica has them that starts now."""
        return CurrentKeys(read_key_file(self.path), reload=self._again, database=self.vault.db)

    def _again(self) -> Keyring:
        ring = read_key_file(self.path)
        self.read.append(ring.primary_id)
        return ring

    def rotate(self) -> None:
        """As ``gatelodge vault rotate --new-key``."""
        change_key_file(self.path, lambda kept: [new_key(), *kept])

    async def retire(self) -> None:
        """As ``--retire`` of every key but the primary."""
        for key_id in read_key_file(self.path).ids[1:]:
            await self.vault.sql("INSERT INTO retired_keys (kek_id, retired_at) VALUES (:key, 1)", key=key_id)
        change_key_file(self.path, lambda kept: kept[:1])


@pytest.fixture
def file(tmp_path: Path, vault: Vault) -> KeyFile:
    path = tmp_path / "keys" / "vault.key"
    make_key_file(path)
    return KeyFile(path, vault)


def at(site: Site, browser: Browser) -> Browser:
    """The same browser, served by another replica."""
    moved = site.browser(browser.subject)
    moved.client.cookies.update(browser.client.cookies)
    moved.site.issuer.codes = browser.site.issuer.codes
    return moved


async def ended_elsewhere(begins: Site, ends: Site) -> Browser:
    """A sign-in and a link that one replica begins and the other ends; the signed-in browser."""
    before = begins.browser("alice")
    begun = await before.open(f"{ACCOUNTS}/sign-in")
    browser = at(ends, before)
    done = await browser.finish_sign_in(begun)
    assert (done.status_code, done.headers["location"]) == (303, ACCOUNTS), done.text
    there = at(begins, browser)
    assert "Signed in as" in (await there.open(ACCOUNTS)).text
    state = (await there.to_provider())["state"]
    linked = await browser.back(state)
    assert linked.status_code in (200, 303), linked.text
    assert "error" not in linked.headers.get("location", "")
    assert await ends.linked("alice")
    return browser


@pytest.mark.parametrize("backwards", [False, True])
async def test_what_a_restarted_replica_begins_one_that_was_not_restarted_ends_and_the_other_way(
    vault: Vault, file: KeyFile, backwards: bool
) -> None:
    async with accounts_site(vault, keys=file.keys()) as stays:
        file.rotate()
        async with accounts_site(vault, keys=file.keys()) as restarted:
            sites = (restarted, stays) if not backwards else (stays, restarted)
            await ended_elsewhere(*sites)


async def test_a_replica_that_was_not_restarted_seals_nothing_by_a_retired_key(vault: Vault, file: KeyFile) -> None:
    async with accounts_site(vault, keys=file.keys()) as stays:
        file.rotate()
        await file.retire()
        async with accounts_site(vault, keys=file.keys()) as restarted:
            await ended_elsewhere(stays, restarted)
            assert file.read == [read_key_file(file.path).primary_id], "read again once, for all that it seals"


async def test_a_session_of_a_key_that_is_gone_ends_in_a_fresh_sign_in(vault: Vault, file: KeyFile) -> None:
    async with accounts_site(vault, keys=file.keys()) as first:
        browser = first.browser("alice")
        await browser.sign_in()
        file.rotate()
        await file.retire()
        async with accounts_site(vault, keys=file.keys()) as restarted:
            again = at(restarted, browser)
            page = await again.open(ACCOUNTS)
            assert page.status_code == 200
            assert "Signed in as" not in page.text
            assert (await again.sign_in()).status_code == 303
            assert "Signed in as" in (await again.open(ACCOUNTS)).text


async def test_a_retired_key_of_the_environment_seals_nothing_and_the_log_says_what_to_do(
    vault: Vault, file: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    fixed = CurrentKeys(read_key_file(file.path), database=vault.db)
    file.rotate()
    await file.retire()
    async with accounts_site(vault, keys=fixed) as site:
        refused = await site.browser("alice").open(f"{ACCOUNTS}/sign-in")
    assert refused.status_code == 503
    assert "Restart this process" in caplog.text


@pytest.mark.parametrize(
    ("cookie", "times"),
    [
        pytest.param("AQ" + "A" * 66, 1, id="a key that nobody has"),
        pytest.param("A" * 68, 0, id="no value of ours"),
        pytest.param("", 0, id="nothing"),
    ],
)
async def test_a_cookie_of_a_stranger_costs_one_reading_at_most(
    vault: Vault, file: KeyFile, cookie: str, times: int
) -> None:
    async with accounts_site(vault, keys=file.keys()) as site:
        browser = site.browser("mallory")
        await browser.open(f"{ACCOUNTS}/sign-in")
        [name] = [name for name in browser.client.cookies if name.startswith("__Host-gatelodge-sign")]
        browser.client.cookies.clear()
        browser.client.cookies.set(name, cookie, domain="us.example", path="/")
        refused = await browser.open(f"{ACCOUNTS}/callback", code="c", state="s")
    assert refused.status_code == 400
    assert len(file.read) == times
