"""Faults in the YAML files are refused with file and place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatelodge.ops.realm.files import RealmFilesInvalid, read_servers
from gatelodge.ops.realm.render import render_realm
from gatelodge.ops.realm.servers import server_scopes

Change = Callable[[str, Callable[[Any], None]], Path]


def test_the_servers_scopes_are_those_of_the_files(realm_files: Path) -> None:
    assert server_scopes(realm_files) == ("deep-research:read", "deep-research:write")


@pytest.mark.parametrize(
    ("file", "change", "place"),
    [
        ("realm.yaml", lambda c: c.update(nmae="mcp"), "nmae"),
        ("realm.yaml", lambda c: c.pop("name"), "name"),
        ("scopes.yaml", lambda c: c["basic"].update(assigned="always"), "basic.assigned"),
        ("scopes.yaml", lambda c: c["email"].update(consent="${env.HOME}"), "email.consent"),
        ("scopes.yaml", lambda c: c["email"]["mappers"]["email"].update(into=["cookie"]), "email.mappers.email.into"),
        ("servers/deep-research.yaml", lambda c: c.update(path="/mcp/"), "path"),
        ("servers/deep-research.yaml", lambda c: c.update(path="mcp"), "path"),
        ("servers/deep-research.yaml", lambda c: c.update(name="Deep Research"), "name"),
        ("servers/deep-research.yaml", lambda c: c.update(scopes={}), "scopes"),
        ("servers/deep-research.yaml", lambda c: c["scopes"].update(read=""), "scopes.read"),
        ("registration.yaml", lambda c: c["policies"][0].update({"for": ["everyone"]}), "policies.0.for"),
        ("registration.yaml", lambda c: c["policies"][0].update(providerId="x"), "policies.0.providerId"),
        ("client-policies.yaml", lambda c: c["policies"][0].pop("conditions"), "policies.0.conditions"),
    ],
)
def test_a_fault_is_refused_with_file_and_place(
    changed: Change, file: str, change: Callable[[Any], None], place: str
) -> None:
    folder = changed(file, change)
    with pytest.raises(RealmFilesInvalid) as caught:
        render_realm(folder, public_base="https://mcp.example.com")
    assert str(folder / file) in caught.value.detail
    assert place in caught.value.detail


def test_several_faults_of_a_file_come_at_once(changed: Change) -> None:
    folder = changed("servers/deep-research.yaml", lambda c: c.update(path="mcp", name="X"))
    with pytest.raises(RealmFilesInvalid) as caught:
        read_servers(folder)
    assert "  path:" in caught.value.detail
    assert "  name:" in caught.value.detail


def test_a_missing_file_is_named(copied: Path) -> None:
    (copied / "scopes.yaml").unlink()
    with pytest.raises(RealmFilesInvalid, match=r"scopes\.yaml cannot be read"):
        render_realm(copied, public_base="https://mcp.example.com")


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", b"a: !!python/object:os.system {}"])
def test_a_file_that_is_no_plain_yaml_is_named(copied: Path, content: bytes) -> None:
    (copied / "realm.yaml").write_bytes(content)
    with pytest.raises(RealmFilesInvalid, match=r"realm\.yaml"):
        render_realm(copied, public_base="https://mcp.example.com")


@pytest.mark.parametrize(("name", "path"), [("deep-research", "/other/mcp"), ("other", "/mcp")])
def test_two_servers_may_not_share_a_name_or_a_path(copied: Path, name: str, path: str) -> None:
    (copied / "servers" / "second.yaml").write_text(f"{{name: {name}, path: {path}, scopes: {{read: Read}}}}")
    with pytest.raises(RealmFilesInvalid, match="two servers have the same"):
        read_servers(copied)


def test_a_second_server_brings_its_own_audience(copied: Path) -> None:
    (copied / "servers" / "notes.yaml").write_text("{name: notes, path: /notes/mcp, scopes: {read: Read your notes}}")
    realm = render_realm(copied, public_base="https://mcp.example.com")
    audiences = {
        scope["name"]: mapper["config"]["included.custom.audience"]
        for scope in realm["clientScopes"]
        for mapper in scope["protocolMappers"]
        if mapper["name"] == "audience"
    }
    assert audiences["notes:read"] == "https://mcp.example.com/notes/mcp"
    assert audiences["deep-research:read"] == "https://mcp.example.com/mcp"


def test_a_realm_without_a_server_is_refused(copied: Path) -> None:
    (copied / "servers" / "deep-research.yaml").unlink()
    with pytest.raises(RealmFilesInvalid, match="has no"):
        read_servers(copied)
