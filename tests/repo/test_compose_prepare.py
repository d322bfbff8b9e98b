"""What infra/compose/prepare.py makes before the parts start: Traefik's static file, and refusals by a variable's name."""

from pathlib import Path
from string import Template

import pytest
import yaml

from gatelodge.ops.stack.servers import bundled, read_servers
from repo.checkout import ROOT
from repo.compose_programs import prepare


def test_without_a_public_host_traefik_s_configuration_is_the_native_one() -> None:
    template = (ROOT / "infra" / "traefik" / "traefik.yaml").read_text("utf-8")
    document = yaml.safe_load(prepare().static_configuration(template))
    same = Template(template).substitute(
        public_address=":8443", ping_address="127.0.0.1:8080", dynamic_folder="/routes", read_timeout="60s"
    )
    assert document == yaml.safe_load(same)


def test_a_public_host_adds_acme_and_nothing_else() -> None:
    template = (ROOT / "infra" / "traefik" / "traefik.yaml").read_text("utf-8")
    plain = yaml.safe_load(prepare().static_configuration(template))
    public = yaml.safe_load(
        prepare().static_configuration(template, host="mcp.example.com", email="ops@example.com", acme_server="")
    )
    resolver = public.pop("certificatesResolvers")["acme"]["acme"]
    assert resolver == {"email": "ops@example.com", "storage": "/certificates/acme.json", "tlsChallenge": {}}
    assert public["entryPoints"]["public"]["http"]["tls"] == {
        "certResolver": "acme",
        "domains": [{"main": "mcp.example.com"}],
    }
    public["entryPoints"]["public"]["http"]["tls"] = plain["entryPoints"]["public"]["http"]["tls"]
    assert public == plain


@pytest.mark.parametrize(
    ("host", "email", "says"),
    [
        ("mcp.example.com", "", "ACME_EMAIL"),
        ("https://mcp.example.com", "a@example.com", "GATELODGE_PUBLIC_HOST"),
        ("MCP.example.com", "a@example.com", "lower case"),
        ("mcp", "a@example.com", "GATELODGE_PUBLIC_HOST"),
        ("mcp.example.com:8443", "a@example.com", "GATELODGE_PUBLIC_HOST"),
    ],
)
def test_variables_that_do_not_fit_are_refused_by_name(host: str, email: str, says: str) -> None:
    assert says in (prepare().refusal(host=host, email=email) or "")


@pytest.mark.parametrize(("host", "email"), [("", ""), ("", "a@example.com"), ("mcp.example.com", "a@example.com")])
def test_variables_that_fit_are_taken(host: str, email: str) -> None:
    assert prepare().refusal(host=host, email=email) is None


def test_routes_and_secret_of_further_servers_are_taken_away_again_and_the_key_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Giving files away is for root alone.
    monkeypatch.setattr("os.chown", lambda *_: None)
    for name in ("routes", "toolbox", "workspace", "vaults/toolbox", "vaults/workspace"):
        (tmp_path / name).mkdir(parents=True)
    further = read_servers(bundled(ROOT, ["workspace"]))
    prepare().hand_out_further(tmp_path, further, "of-the-pages")
    key = (tmp_path / "vaults" / "workspace" / "key").read_text()
    assert (tmp_path / "workspace" / "web").read_text() == "of-the-pages"
    # Each server has its own, and only when it is asked for.
    assert not [*(tmp_path / "toolbox").iterdir(), *(tmp_path / "vaults" / "toolbox").iterdir()]
    assert set(yaml.safe_load((tmp_path / "routes" / "servers.yaml").read_text())["http"]) == {"routers", "services"}
    prepare().hand_out_further(tmp_path, (), "of-the-pages")
    # No file, not an empty one: for that Traefik would drop all routes.
    assert [path.relative_to(tmp_path).parts for path in tmp_path.rglob("*") if path.is_file()] == [
        ("vaults", "workspace", "key")
    ]
    both = read_servers(bundled(ROOT, ["toolbox", "workspace"]))
    prepare().hand_out_further(tmp_path, both, "of-the-pages")
    assert (tmp_path / "vaults" / "workspace" / "key").read_text() == key
    assert (tmp_path / "vaults" / "toolbox" / "key").read_text() != key
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        assert path.stat().st_mode & 0o777 == 0o600, path
