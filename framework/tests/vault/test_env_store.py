"""The store of environment variables: the services' own credentials, read-only."""

from pathlib import Path

import pytest
from vaults import ALICE

from gatelodge.audit.unkept import NoTrail
from gatelodge.core.secret import Secret
from gatelodge.vault.env_store import EnvTokenStore
from gatelodge.vault.errors import CredentialUnreadable, StoreReadOnly
from gatelodge.vault.names import named, owner_of, variables_of
from gatelodge.vault.owner import Owner, service
from gatelodge.vault.records import RefreshLease, Status
from gatelodge.vault.store import TokenStore


def store(**environ: str) -> EnvTokenStore:
    return EnvTokenStore(environ, NoTrail())


async def test_a_services_credential_is_read_from_its_variable_or_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    found = store(CODA_API_TOKEN=" from-env ", SLACK_BOT_TOKEN_FILE=str(file), OTHER_TOKEN="other")
    kept: TokenStore = found
    assert await found.get_token("coda", actor="system", purpose="a call") == Secret("from-env")
    assert await found.get_token("slack", actor="system", purpose="a call") == Secret("from-file")
    assert await found.get_token("other", actor="system", purpose="a call") == Secret("other")
    assert await found.get_token("jira", actor="system", purpose="a call") is None
    assert [record.owner.provider for record in await kept.list()] == ["coda", "slack"]
    assert [record.owner.provider for record in await kept.list(provider="other")] == ["other"]
    assert await kept.look(service("coda")) is not None
    assert await kept.look(service("notion")) is None


async def test_a_user_has_nothing_there() -> None:
    found = store(GITHUB_TOKEN="x")
    assert await found.open(ALICE, actor="system", purpose="a call") is None
    assert await found.open(Owner("service", "alice", "github"), actor="system", purpose="a call") is None
    assert await found.list(user="alice") == []
    assert await found.list(tenant=ALICE.tenant) == []
    assert await found.list(status=Status.NEEDS_REAUTH) == []


async def test_a_file_that_cannot_be_read_is_said_without_its_content(tmp_path: Path) -> None:
    with pytest.raises(CredentialUnreadable, match="CODA_API_TOKEN_FILE"):
        await store(CODA_API_TOKEN_FILE=str(tmp_path / "gone")).look(service("coda"))


async def test_nothing_can_be_written() -> None:
    found = store(CODA_API_TOKEN="x")
    lease = RefreshLease(service("coda"), "c", 1, 1, "one", 0.0)
    assert await found.begin_refresh(service("coda"), 1, holder="one", lease_seconds=30) is None
    await found.abandon_refresh(lease)
    assert await found.rotate_key(actor="operator:o") == 0
    with pytest.raises(StoreReadOnly, match="CODA_API_TOKEN"):
        await found.set_token("coda", Secret("y"), actor="operator:o")
    with pytest.raises(StoreReadOnly):
        await found.delete_token("coda", actor="operator:o")
    with pytest.raises(StoreReadOnly):
        await found.name_account(lease, account_id="1", account_name=None, extra={})
    with pytest.raises(StoreReadOnly) as caught:
        await found.finish_refresh(lease, {"access_token": Secret("y")}, expires_at=None)
    assert caught.value.status == 405


def test_names_of_providers_and_variables() -> None:
    assert named("my-service.2") == "my-service.2"
    assert variables_of("my-service.2") == ("MY_SERVICE_2_TOKEN",)
    assert variables_of("github") == ("GITHUB_TOKEN", "GH_TOKEN")
    assert owner_of("GH_TOKEN") == service("github")
    assert owner_of("HOME") is None
    for wrong in ("", "Coda", "a b", "x" * 65, "-x"):
        with pytest.raises(ValueError, match="is no name"):
            named(wrong)
