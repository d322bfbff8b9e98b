"""Further servers of a stack: which folders are taken, and what the realm, Traefik and the processes get of them."""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from gatelodge.cli.main import build_parser, main
from gatelodge.ops.realm.files import RealmFilesInvalid
from gatelodge.ops.realm.servers import server_scopes
from gatelodge.ops.stack.edge import render_routes
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.options import StackOptions
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.servers import ServersInvalid, bundled, read_servers, server_rule, write_realm_files

_INFRA = Path(__file__).resolve().parents[4] / "infra"


def _server(place: Path, name: str = "notes", other: Mapping[str, object] | None = None) -> Path:
    place.mkdir()
    described = {"name": name, "path": f"/{name}/mcp", "app": "notes.main:app", "scopes": {"read": "Read"}}
    (place / "gatelodge.yaml").write_text(yaml.safe_dump(described | dict(other or {})))
    return place


def test_a_folder_becomes_a_server_with_url_arguments_and_place_of_its_own(layout: Layout, tmp_path: Path) -> None:
    servers = read_servers([_server(tmp_path / "a"), _server(tmp_path / "b", "tasks")])
    options = StackOptions(layout, port=9443, servers=servers)
    assert options.urls["server:notes"] == "https://localhost:9443/notes/mcp"
    assert options.urls["server:tasks"] == "https://localhost:9443/tasks/mcp"
    assert options.urls["mcp_url"] == "https://localhost:9443/mcp"
    read = build_parser().parse_args(["up", *options.arguments()])
    assert read.server == [tmp_path / "a", tmp_path / "b"]


def test_its_own_environment_runs_it_when_there_is_one(tmp_path: Path) -> None:
    [server] = read_servers([_server(tmp_path / "a")])
    assert server.python(sys.executable) == sys.executable
    assert server.import_path() == str(tmp_path / "a")
    (tmp_path / "a" / "src").mkdir()
    assert server.import_path() == str(tmp_path / "a" / "src")
    own = tmp_path / "a" / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert server.python(sys.executable) == str(own)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"name": "realms", "path": "/realms/mcp"}, "taken"),
        ({"path": "/mcp"}, "all paths of this server are below /notes/"),
        ({"app": "notes"}, "app:"),
        ({"scopes": {}}, "scopes:"),
        ({"port": 1}, "port:"),
    ],
)
def test_a_description_that_cannot_be_served_is_refused(tmp_path: Path, other: dict[str, object], words: str) -> None:
    with pytest.raises((ServersInvalid, RealmFilesInvalid), match=words):
        read_servers([_server(tmp_path / "a", other=other)])


def test_two_servers_of_one_name_and_a_folder_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ServersInvalid, match="two servers have the name notes"):
        read_servers([_server(tmp_path / "a"), _server(tmp_path / "b")])
    with pytest.raises(ServersInvalid, match=r"there is no gatelodge\.yaml"):
        read_servers([tmp_path])


def test_a_folder_that_is_none_is_code_2_with_the_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--server", str(tmp_path), "--state-dir", str(tmp_path / "state")]) == 2
    assert "gatelodge new makes a server with one" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_the_realm_gets_its_scopes_beside_the_others_and_loses_them_again(layout: Layout, tmp_path: Path) -> None:
    source = _INFRA / "keycloak"
    shared = server_scopes(source)
    write_realm_files(source, layout.realm_files, read_servers([_server(tmp_path / "a")]))
    assert set(server_scopes(layout.realm_files)) == {*shared, "notes:read"}
    write_realm_files(source, layout.realm_files, ())
    assert server_scopes(layout.realm_files) == shared


def test_traefik_gets_the_shared_routes_as_they_are_and_one_router_a_server(layout: Layout, tmp_path: Path) -> None:
    servers = read_servers([_server(tmp_path / "a"), _server(tmp_path / "b", "tasks")])
    ports = Ports(1, 2, 3, 4, 5, 6, (7, 8))
    render_routes(_INFRA, layout.routes, servers=servers, ports=ports)
    shared = (_INFRA / "traefik" / "dynamic.yaml").read_text()
    assert (layout.routes / "dynamic.yaml").read_text() == shared
    made = yaml.safe_load((layout.routes / "servers.yaml").read_text())["http"]
    known = yaml.safe_load(shared)["http"]
    assert not set(made["routers"]) & set(known["routers"])
    assert not set(made["services"]) & set(known["services"])
    for name, port in (("notes", 7), ("tasks", 8)):
        router = made["routers"][f"server-{name}"]
        assert router["rule"] == server_rule(f"/{name}/mcp")
        assert known["routers"]["server"]["priority"] < router["priority"] < known["routers"]["keycloak"]["priority"]
        assert set(router["middlewares"]) <= set(known["middlewares"])
        [target] = made["services"][router["service"]]["loadBalancer"]["servers"]
        assert target["url"] == f"http://127.0.0.1:{port}"
    render_routes(_INFRA, layout.routes, servers=(), ports=dataclasses.replace(ports, servers=()))
    assert [path.name for path in layout.routes.iterdir()] == ["dynamic.yaml"]


def test_what_is_internal_below_a_servers_path_is_not_routed() -> None:
    assert server_rule("/notes/mcp").startswith("(PathPrefix(`/notes/`) && !PathPrefix(`/notes/internal/`)) || ")


def test_a_server_of_the_checkout_is_found_by_its_name(layout: Layout) -> None:
    [folder] = bundled(_INFRA.parent, ["workspace", "workspace"])
    [server] = read_servers([folder])
    assert (server.name, server.application, server.realm.accounts) == ("workspace", "workspace:app", True)
    with pytest.raises(ServersInvalid, match="has the name fax") as refused:
        bundled(_INFRA.parent, ["fax"])
    assert "workspace" in refused.value.hint
    options = StackOptions(layout, servers=(server,))
    assert build_parser().parse_args(["up", *options.arguments()]).server == [folder]


def test_only_a_server_with_pages_is_told_the_secret_of_their_client(tmp_path: Path) -> None:
    plain, pages = read_servers([_server(tmp_path / "a"), _server(tmp_path / "b", "tasks", {"accounts": True})])
    assert (plain.realm.accounts, pages.realm.accounts) == (False, True)
