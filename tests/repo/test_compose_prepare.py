"""What infra/compose/prepare.py makes before the parts start: Traefik's static file, and refusals by a variable's name."""

import importlib.util
from functools import cache
from string import Template
from types import ModuleType

import pytest
import yaml

from repo.checkout import ROOT


@cache
def prepare() -> ModuleType:
    """infra/compose/prepare.py, which is a program and in no package."""
    spec = importlib.util.spec_from_file_location("prepare", ROOT / "infra" / "compose" / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
