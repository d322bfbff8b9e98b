"""The list of redirect hosts: exact names only."""

from pathlib import Path

import pytest
import yaml

from gatelodge.registration.config import DEFAULT_REDIRECT_HOSTS, RegistrationPolicy, RegistrationPolicyInvalid
from gatelodge.registration.reaper import ReapPolicy
from gatelodge.settings.desk import DeskSettings

REPOSITORY = Path(__file__).parents[3]


def test_the_default_hosts_are_the_known_clients_and_loopback() -> None:
    assert RegistrationPolicy().allowed_hosts == DEFAULT_REDIRECT_HOSTS
    assert {
        "chatgpt.com",
        "claude.ai",
        "claude.com",
        "vscode.dev",
        "insiders.vscode.dev",
        "www.cursor.com",
        "antigravity.google",
        "localhost",
        "127.0.0.1",
        "[::1]",
    } == DEFAULT_REDIRECT_HOSTS


@pytest.mark.parametrize(
    "entry",
    [
        "https://a.example",
        "a.example:8443",
        "*.a.example",
        "A.example",
        "::1",
        "a.example/path",
        "",
        "-a",
        "a.example\n",
    ],
)
def test_an_entry_that_is_no_host_name_is_refused_by_name(entry: str) -> None:
    with pytest.raises(RegistrationPolicyInvalid) as caught:
        RegistrationPolicy(frozenset({"ok.example", entry}))
    assert repr(entry) in caught.value.detail
    assert "ok.example" not in caught.value.detail
    assert "GATELODGE_REGISTRATION_HOSTS" in caught.value.detail


def test_an_empty_list_is_refused_because_nobody_could_register() -> None:
    with pytest.raises(RegistrationPolicyInvalid, match="nothing"):
        RegistrationPolicy(frozenset())


def test_the_realm_trusts_the_same_hosts_as_the_desk() -> None:
    policies = yaml.safe_load((REPOSITORY / "infra/keycloak/registration.yaml").read_text())["policies"]
    (trusted,) = [policy["config"]["trusted-hosts"] for policy in policies if policy["provider"] == "trusted-hosts"]
    assert set(trusted) == DEFAULT_REDIRECT_HOSTS


def test_the_desk_warns_before_the_limit_that_the_realm_has() -> None:
    policies = yaml.safe_load((REPOSITORY / "infra/keycloak/registration.yaml").read_text())["policies"]
    limit = next(policy["config"]["max-clients"] for policy in policies if policy["provider"] == "max-clients")
    assert DeskSettings.model_fields["max_clients"].default == limit
    assert ReapPolicy().max_clients == limit
