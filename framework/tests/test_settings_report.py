"""What is said about settings: faults with the class of a value and never a secret, unknown names, warnings, sources."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.core.secret import Secret
from gatelodge.settings.connected import load_connected
from gatelodge.settings.database import DatabaseSettings
from gatelodge.settings.desk import DeskSettings
from gatelodge.settings.effective import Effective, effective
from gatelodge.settings.elsewhere import ELSEWHERE
from gatelodge.settings.examine import examine
from gatelodge.settings.given import Given
from gatelodge.settings.load import SettingsInvalid, load, load_each
from gatelodge.settings.processes import PROCESSES, model_at, process, sections_installed
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.unknown import known_names, unknown_variables
from gatelodge.settings.variables import FILE, Variable, shown, value_class, variables
from gatelodge.settings.vault import VaultSettings
from gatelodge.settings.web import WebSettings

GOOD = {"GATELODGE_PUBLIC_URL": "https://mcp.example/mcp", "GATELODGE_ISSUER": "https://mcp.example/realms/mcp"}
CANARY = "canary5ecret"
MODELS = tuple(sections_installed())
PAIRS = [
    pytest.param(model, one, id=f"{model.__name__}-{one.name}")
    for model in MODELS
    for one in variables(model)
    if one.secret
]


class Own(BaseSettings):
    """A server author's settings."""

    model_config = SettingsConfigDict(env_prefix="OWN_", env_file=".env", extra="ignore")

    api_key: SecretStr = Field(examples=["(as the provider shows it)"])
    folder: Path = Field(default=Path("notes"), examples=["notes"])


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def canaries(model: type[BaseSettings]) -> Iterator[str]:
    """What an operator may paste into a wrong variable."""
    for one in variables(model):
        if one.secret:
            yield CANARY
    yield f"https://user:{CANARY}@host.example/x"
    yield f"postgresql://user:{CANARY}/x@host"
    yield f"https://{CANARY}@host:port/mcp/"


@pytest.mark.parametrize("model", MODELS)
def test_no_message_repeats_a_secret_wherever_it_was_pasted(
    model: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0
    for value in sorted(set(canaries(model))):
        for one in variables(model):
            if value == CANARY and not one.secret:
                continue
            with monkeypatch.context() as patch:
                patch.setenv(one.name, value)
                found = examine([model])
            refused += bool(found.faults)
            assert CANARY not in " ".join((*found.faults, *found.warnings)), one.name
    assert refused


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "an empty text"),
        (" 12 ", "a number"),
        ("-1.5", "a number"),
        ("https://a.example", "a URL"),
        ("x", "a text of 1 character"),
        ("twelve chars", "a text of 12 characters"),
        (3, "a number"),
        (frozenset({"a", "b"}), "a list of 2"),
        (object(), "a value"),
    ],
)
def test_a_value_is_told_by_its_class(value: object, said: str) -> None:
    assert value_class(value) == said


def test_a_fault_has_variable_reason_class_and_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_PORT", "eight-thousand")
    with pytest.raises(SettingsInvalid) as caught:
        load(ServerSettings)
    (line,) = caught.value.faults
    assert line.startswith("GATELODGE_PORT: Input should be a valid integer")
    assert line.endswith("; given: a text of 14 characters (example: 8000)")


def test_of_a_faulty_secret_not_even_the_length_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_REDIS_URL", CANARY)
    with pytest.raises(SettingsInvalid, match=r"GATELODGE_REDIS_URL: must begin with .*; given: a secret \(example"):
        load(WebSettings)


def test_faults_of_every_section_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "GATELODGE_PORT": "x",
        "GATELODGE_TOKEN_STORE": "file",
        "GATELODGE_JIRA_CLIENT_ID": "a",
        "GATELODGE_SESSION_TTL": "1",
        "GATELODGE_PROXY_SECONDS": "0",
        "GATELODGE_MODE": "test",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as caught:
        load_connected()
    told = [line.partition(":")[0] for line in caught.value.faults]
    assert set(told) == (given.keys() - {"GATELODGE_JIRA_CLIENT_ID"}) | {"GATELODGE_JIRA_CLIENT_SECRET"}
    assert len(told) == len(set(told)), "a variable of several sections is told once"


@pytest.mark.parametrize(("port", "fine"), [(80, 0), (442, 0), (443, 1), (444, 0), (1023, 0), (1024, 1), (65_536, 0)])
@pytest.mark.parametrize("model", [ServerSettings, DeskSettings])
def test_a_process_listens_on_free_ports_or_on_that_of_https(
    model: type[BaseSettings], port: int, fine: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATELODGE_ISSUER_INTERNAL_URL", "http://keycloak:8080/realms/mcp")
    monkeypatch.setenv("GATELODGE_PORT", str(port))
    found = examine([model])
    assert not found.faults if fine else "GATELODGE_PORT: must be 1024 to 65535, or 443" in found.faults[0]
    assert any("GATELODGE_PORT: 443 needs the right" in line for line in found.warnings) is (port == 443)


@pytest.mark.parametrize("model", [ServerSettings, DeskSettings])
def test_a_process_listens_on_loopback_unless_told_otherwise(model: type[BaseSettings]) -> None:
    assert model.model_fields["bind"].default == "127.0.0.1"


@pytest.mark.parametrize("name", ["GATELODGE_REGISTRATION_HOSTS", "GATELODGE_CLIENT_DOCUMENT_HOSTS"])
@pytest.mark.parametrize("host", ["https://chatgpt.com", "ChatGPT.com", "chatgpt.com:443", "*.chatgpt.com", "a/b"])
def test_a_host_that_could_never_match_is_refused_with_all_other_faults(
    name: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f"chatgpt.com,{host}")
    with pytest.raises(SettingsInvalid) as caught:
        load(DeskSettings)
    assert "GATELODGE_ISSUER_INTERNAL_URL: is missing" in caught.value.detail
    assert f"{name}: {host!r}: host names alone are needed" in caught.value.detail


@pytest.mark.parametrize(("model", "secret"), PAIRS)
def test_each_secret_can_be_a_file_and_two_values_are_told(
    model: type[BaseSettings], secret: Variable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = {one.member: one for one in variables(model)}[secret.member + FILE]
    assert file.name == f"{secret.name}_FILE"
    monkeypatch.setenv("GATELODGE_ISSUER_INTERNAL_URL", "http://keycloak:8080/realms/mcp")
    if secret.name.endswith("_CLIENT_SECRET") and "WEB" not in secret.name:
        monkeypatch.setenv(secret.name.replace("_SECRET", "_ID"), "ours")
    in_file, given = ("redis://in-file", "redis://given") if "REDIS" in secret.name else ("in-file", "given")
    path = tmp_path / "secret"
    path.write_text(f"{in_file}\n")
    path.chmod(0o600)
    if not issubclass(model, DatabaseSettings):
        monkeypatch.setenv(file.name, str(path))
        assert getattr(load(model), secret.member) == Secret(in_file)
        monkeypatch.setenv(secret.name, given)
        assert getattr(load(model), secret.member) == Secret(given)
        assert any(f"{file.name}: is not read" in line for line in examine([model]).warnings)
        return
    if "POSTGRES" in secret.name:
        monkeypatch.setenv("POSTGRES_HOST", "db")
    if "URL" in secret.name:
        path.write_text("postgresql://in-file")
    if "KEY" not in secret.name:
        monkeypatch.setenv("GATELODGE_TOKEN_STORE", "postgres")
    monkeypatch.setenv(file.name, str(path))
    settings = load(VaultSettings)
    assert settings.vault_config().key_file == path or "in-file" in settings.database_config().dsn
    monkeypatch.setenv(secret.name, given)
    with pytest.raises(SettingsInvalid, match=r"not both|one of them only"):
        load(VaultSettings)


@pytest.mark.parametrize(("mode", "bits", "told"), [("production", 0o644, True), ("production", 0o440, False)])
def test_a_secret_file_that_every_user_can_read_is_told_in_production(
    mode: str, bits: int, told: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "web"
    path.write_text("in-file")
    path.chmod(bits)
    monkeypatch.setenv("GATELODGE_WEB_CLIENT_SECRET_FILE", str(path))
    assert not examine([WebSettings]).warnings
    monkeypatch.setenv("GATELODGE_MODE", mode)
    found = examine([WebSettings])
    assert not found.faults
    assert any("GATELODGE_WEB_CLIENT_SECRET_FILE: every user" in line for line in found.warnings) is told


def test_an_unknown_variable_is_told_with_the_nearest_name_and_its_place(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GATELODGE_DRIAN=5\n")
    given = Given.here(
        environment={
            "GATELODGE_PUBLIC_ULR": "x",
            "gatelodge_issuer": "y",
            "GATELODGE_OF_NOTHING_NEAR": "z",
            "GATELODGE_AUDIT_RETENTION": "400",
            "GATELODGE_DB": "x",
        }
    )
    assert unknown_variables(given) == (
        "GATELODGE_AUDIT_RETENTION: nothing reads this variable (environment); did you mean GATELODGE_AUDIT_RETENTION_DAYS?",
        "GATELODGE_DB: nothing reads this variable (environment)",
        "GATELODGE_DRIAN: nothing reads this variable (.env); did you mean GATELODGE_DRAIN?",
        "GATELODGE_OF_NOTHING_NEAR: nothing reads this variable (environment)",
        "GATELODGE_PUBLIC_ULR: nothing reads this variable (environment); did you mean GATELODGE_PUBLIC_URL?",
    )


def test_variables_of_other_processes_and_programs_are_known() -> None:
    names = dict.fromkeys((*known_names(), *ELSEWHERE), "environment")
    assert unknown_variables(Given(names)) == ()
    assert {"GATELODGE_SCOPES", "GATELODGE_GITHUB_CLIENT_ID", "GATELODGE_EDGE_CERT_FILE"} <= names.keys()


def test_a_server_authors_own_names_are_known_when_the_model_is_given() -> None:
    class Plugin(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="GATELODGE_PLUGIN_")
        speed: int = 1

    given = Given({"GATELODGE_PLUGIN_SPEED": "environment"})
    assert len(unknown_variables(given)) == 1
    assert unknown_variables(given, [Plugin]) == ()


def test_each_value_is_shown_with_its_source_and_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.env").write_text("GATELODGE_DRAIN=5\nGATELODGE_ISSUER=https://unused.example/r\n")
    (tmp_path / "web").write_text(CANARY)
    monkeypatch.setenv("GATELODGE_WEB_CLIENT_SECRET_FILE", "web")
    monkeypatch.setenv("GATELODGE_REDIS_URL", f"redis://:{CANARY}@redis")
    monkeypatch.setenv("OWN_API_KEY", CANARY)
    env_file = Path("other.env")
    found = effective(load_each(ServerSettings, WebSettings, Own, env_file=env_file), Given.here(env_file))
    by_name = {one.variable: one for one in found}
    assert len(by_name) == len(found)
    assert by_name["GATELODGE_ISSUER"].value == GOOD["GATELODGE_ISSUER"]
    assert [by_name[f"GATELODGE_{name}"].source for name in ("ISSUER", "DRAIN", "BIND", "WEB_CLIENT_SECRET")] == [
        *("environment", "other.env", "default", "file web")
    ]
    assert by_name["GATELODGE_REDIS_URL"] == Effective("GATELODGE_REDIS_URL", "***", "environment", secret=True)
    assert by_name["OWN_API_KEY"] == Effective("OWN_API_KEY", "***", "environment", secret=True)
    assert by_name["OWN_FOLDER"].value == "notes"
    assert CANARY not in repr(found)


def test_a_secret_that_an_author_keeps_as_text_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="PLAIN_")
        api_key: str = ""
        db_password: str = ""
        access_token: str | None = None
        client_secret: int = 1
        keyboard: str = "qwerty"

    for name in ("API_KEY", "DB_PASSWORD", "ACCESS_TOKEN", "CLIENT_SECRET"):
        monkeypatch.setenv(f"PLAIN_{name}", "123123123")
    found = effective(load_each(Plain), Given.here())
    assert [one.value for one in found] == ["***"] * 4 + ["qwerty"]
    monkeypatch.setenv("PLAIN_CLIENT_SECRET", CANARY)
    with pytest.raises(SettingsInvalid, match=r"PLAIN_CLIENT_SECRET: .*; given: a secret") as caught:
        load_each(Plain)
    assert CANARY not in str(caught.value.detail)


@pytest.mark.parametrize(
    "address", ["https://:canary@keycloak.example/realms/mcp", "https://@keycloak.example/realms/mcp"]
)
def test_an_address_has_no_credentials_not_even_a_password_alone(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("GATELODGE_ISSUER_INTERNAL_URL", address)
    with pytest.raises(SettingsInvalid, match="GATELODGE_ISSUER_INTERNAL_URL: must have no user name") as caught:
        load_each(ServerSettings)
    assert "canary@" not in str(caught.value.detail)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (Secret("x"), "***"),
        ({"b", "a"}, "a, b"),
        ((1, 2), "1, 2"),
        ({"tool": Secret("x")}, "tool=***"),
        ("redis://user:p/w@host/0", "redis://***@host/0"),
        ("https://collector.example/v1?api_key=canary&tenant=a", "https://collector.example/v1?api_key=***&tenant=a"),
    ],
)
def test_a_value_is_shown_in_words(value: object, text: str) -> None:
    assert shown(value) == text


def test_the_sections_of_a_connected_server_are_those_that_it_reads() -> None:
    assert [type(section) for section in load_connected().sections] == list(process("connected").sections())
    assert len({one.name for one in PROCESSES}) == len(PROCESSES)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("no_such_module:Settings", "'no_such_module', which is not installed"),
        ("json", "is no settings model"),
        ("json:dumps", "is no settings model"),
        ("", "which is not installed"),
    ],
)
def test_what_is_no_settings_model_is_refused_by_name(place: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        model_at(place)


@pytest.mark.parametrize("model", MODELS)
def test_no_section_takes_another_ones_check_away_by_its_name(model: type[BaseSettings]) -> None:
    # A validator of the same name in a subclass, or in a section before it, replaces the other without a word.
    owners: dict[str, list[str]] = {}
    for one in model.__mro__:
        decorators = vars(one).get("__pydantic_decorators__")
        for name in decorators.field_validators if decorators else ():
            if name in vars(one):
                owners.setdefault(name, []).append(one.__name__)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


def test_sections_of_an_extra_that_is_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gatelodge.settings.vault", None)
    assert "VaultSettings" not in {model.__name__ for model in sections_installed()}
    with pytest.raises(SettingsInvalid, match="which is not installed") as caught:
        process("vault").sections()
    assert "gatelodge[connections]" in caught.value.hint


def test_http_in_production_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", "http://localhost:8000/mcp")
    assert not examine([ServerSettings]).warnings
    monkeypatch.setenv("GATELODGE_MODE", "production")
    (line,) = examine([ServerSettings]).warnings
    assert line.startswith("GATELODGE_PUBLIC_URL: is http, which only this machine can use")
