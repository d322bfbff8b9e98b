"""compose.yaml deploys what the native stack runs: the same pins, routes, realm and variables, closed where it can be."""

import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from packaging.version import Version

from gatelodge.observability.exposition import Exposition
from gatelodge.ops.realm.servers import server_scopes
from gatelodge.ops.stack.authority import Certificates
from gatelodge.ops.stack.edge import edge_environment
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.servers import bundled, of_profiles, read_servers, routes_of, write_realm_files
from repo.checkout import ROOT
from repo.compose_programs import prepare

COMPOSE = ROOT / "infra" / "compose"
ONE_SHOT = {"prepare", "realm"}
# Who watches, by the profile observability.
WATCHING = {"prometheus", "grafana", "valkey"}
PARTS = {"traefik", "keycloak", "postgres", "sample", "sample-2", "desk", "toolbox", "workspace", *WATCHING}
OF_PROFILES = {"toolbox": {"toolbox"}, "workspace": {"workspace"}}
PROFILES = ["", "workspace", "toolbox", "toolbox,workspace"]
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-+])((?:[^{}]|\$\{[^{}]*\})*))?\}")


def rendered(text: str, **environment: str) -> str:
    """Variables as Compose replaces them; those of ``environment`` are set, no others."""

    def value(found: re.Match[str]) -> str:
        name, kind, other = found.groups()
        given = environment.get(name, "")
        if kind == "+":
            return rendered(other, **environment) if given else ""
        return given or rendered(other or "", **environment)

    return _VARIABLE.sub(value, text)


def compose(**environment: str) -> dict[str, Any]:
    """compose.yaml as Compose reads it, with these variables set."""
    document: dict[str, Any] = yaml.safe_load(rendered((ROOT / "compose.yaml").read_text("utf-8"), **environment))
    for service in document["services"].values():
        if extended := service.get("extends"):
            more = yaml.safe_load(rendered((ROOT / extended["file"]).read_text("utf-8"), **environment))
            service.update(more["services"][extended["service"]])
    return document


@cache
def pins() -> dict[str, Any]:
    """infra/versions.toml."""
    return tomllib.loads((ROOT / "infra" / "versions.toml").read_text("utf-8"))


def default_of(dockerfile: str, argument: str) -> str:
    """The value of an ``ARG`` that nobody passes."""
    found = re.search(rf"^ARG {argument}=(\S+)$", (COMPOSE / dockerfile).read_text("utf-8"), re.MULTILINE)
    assert found
    return found[1]


def test_the_images_are_the_pinned_ones() -> None:
    services = compose()["services"]
    assert services["traefik"]["image"] == pins()["traefik"]["image"]
    for name in ("postgres", *WATCHING):
        assert services[name]["image"] == pins()[name]["image"]
    # What the tests of the deployment do without, where no image can be pulled.
    assert {name for name, pin in pins().items() if not pin.get("stand_in", True)} == {"grafana"}
    assert services["keycloak"]["build"]["args"]["KEYCLOAK"] == pins()["keycloak"]["image"]
    assert default_of("keycloak.Dockerfile", "KEYCLOAK") == pins()["keycloak"]["image"]
    assert default_of("Dockerfile", "PYTHON") == pins()["python"]["image"]


def test_image_and_archive_of_keycloak_are_of_one_minor_and_the_image_is_not_older() -> None:
    image, archive = Version(pins()["keycloak"]["image"].rpartition(":")[2]), Version(pins()["keycloak"]["version"])
    assert (image.major, image.minor) == (archive.major, archive.minor)
    assert image >= archive


def test_keycloak_is_built_with_the_same_options_but_for_its_database() -> None:
    built = re.search(r"kc\.sh build (.*)$", (COMPOSE / "keycloak.Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert built
    without_database = [option for option in pins()["keycloak"]["build"] if not option.startswith("--db=")]
    assert built[1].split() == ["--db=postgres", *without_database]


def test_traefik_gets_the_variables_that_the_routes_read() -> None:
    variables = {n: v for n, v in compose()["services"]["traefik"]["environment"].items() if n.startswith("GATELODGE_")}
    ports = Ports(public=1, ping=2, keycloak=3, management=4, desk=5, server=6)
    native = edge_environment(ports, Certificates(Path("ca"), Path("localhost.pem"), Path("localhost.key")))
    routes = (ROOT / "infra" / "traefik" / "dynamic.yaml").read_text("utf-8")
    assert set(re.findall(r'env "(\w+)"', routes)) == set(variables) == set(native)
    # The names and ports of the services themselves.
    services = compose()["services"]
    for name, url in variables.items():
        if not name.endswith("_URL") or not url:
            continue
        service, _, port = url.removeprefix("http://").partition(":")
        listens = services[service]["environment"].get("GATELODGE_PORT", "8080")
        assert port == listens, name


@pytest.mark.parametrize(("chosen", "count", "url", "drain"), [("", 0, "", 0), ("1", 1, "http://sample-2:8000", 5)])
def test_the_second_replica_is_the_first_once_more_and_one_variable_decides_about_it(
    chosen: str, count: int, url: str, drain: float
) -> None:
    services = compose(GATELODGE_SECOND_REPLICA=chosen)["services"]
    first, second = services["sample"], services["sample-2"]
    assert {name for name in first | second if first.get(name) != second.get(name)} == {"scale", "depends_on"}
    assert second["scale"] == count
    assert (services["traefik"]["environment"]["GATELODGE_EDGE_SERVER_2_URL"] or "") == url
    environment = first["environment"]
    assert float(environment["GATELODGE_DRAIN"]) == drain
    # The engine waits for all of it before it kills, and some more.
    whole = drain + int(environment["GATELODGE_GRACE"])
    assert whole < int(first["stop_grace_period"].removesuffix("s"))


def test_routes_and_realm_files_are_mounted_from_infra() -> None:
    services = compose()["services"]
    assert "./infra/traefik/dynamic.yaml:/routes/dynamic.yaml:ro" in services["traefik"]["volumes"]
    assert "./infra:/infra:ro" in services["realm"]["volumes"]
    assert "./infra:/infra:ro" in services["prepare"]["volumes"]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_desk_names_the_scopes_of_the_realm_s_servers(profile: str, tmp_path: Path) -> None:
    named = compose(COMPOSE_PROFILES=profile)["services"]["desk"]["environment"]["GATELODGE_SCOPES"].split(",")
    # With a profile all that can be there: the desk tells clients of those that Keycloak offers.
    further = read_servers(bundled(ROOT, OF_PROFILES if profile else []))
    write_realm_files(ROOT / "infra" / "keycloak", tmp_path / "realm", further)
    assert tuple(named) == server_scopes(tmp_path / "realm")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_further_server_is_there_by_its_profile_and_so_is_what_others_know_of_it(profile: str) -> None:
    services = compose(COMPOSE_PROFILES=profile)["services"]
    assert {name: set(service["profiles"]) for name, service in services.items() if "profiles" in service} == (
        OF_PROFILES | {name: {"observability"} for name in WATCHING}
    )
    for name in ("prepare", "realm"):
        assert (services[name]["environment"]["FURTHER_SERVERS"] or "") == profile, name
        assert "./servers:/servers:ro" in services[name]["volumes"], name
    found = read_servers(of_profiles(ROOT, profile))
    assert ",".join(server.name for server in found) == profile
    # Traefik is made anew when it changes.
    assert services["traefik"]["labels"] == {"gatelodge.profiles": profile}
    assert "routes:/routes/servers:ro" in services["traefik"]["volumes"]


def test_profiles_of_other_parts_name_no_server_and_a_star_names_all() -> None:
    assert of_profiles(ROOT, "observability") == []
    assert of_profiles(ROOT, "observability, workspace") == bundled(ROOT, ["workspace"])
    assert of_profiles(ROOT, "*") == bundled(ROOT, sorted(OF_PROFILES))


@pytest.mark.parametrize("name", OF_PROFILES)
def test_a_further_server_is_as_closed_as_the_sample_and_traefik_sends_to_its_port(name: str) -> None:
    services = compose(COMPOSE_PROFILES=name)["services"]
    server, sample = services[name], services["sample"]
    of_its_own = {"profiles", "image", "build", "env_file", "environment", "volumes"}
    assert {name for name in server | sample if server.get(name) != sample.get(name)} == of_its_own
    further = read_servers(bundled(ROOT, [name]))
    url = f"http://{name}:{server['environment']['GATELODGE_PORT']}"
    assert prepare().further_routes(further) == routes_of(further, [url])


def test_further_servers_share_no_volume_and_prepare_writes_into_those_of_each() -> None:
    services = compose()["services"]
    assert set(prepare().FURTHER) == set(OF_PROFILES)
    for name in OF_PROFILES:
        kept = {"state": "/state", "secrets": "/run/secrets:ro", "key": "/vault"}
        assert services[name]["volumes"] == [f"{name}-{volume}:{place}" for volume, place in kept.items()]
        for written in (f"{name}-secrets:/{name}", f"{name}-key:/vaults/{name}"):
            assert written in services["prepare"]["volumes"]


@pytest.mark.parametrize(
    ("environment", "base"),
    [
        ({}, "https://localhost:8443"),
        ({"GATELODGE_PORT": "9443"}, "https://localhost:9443"),
        ({"GATELODGE_PUBLIC_HOST": "mcp.example.com", "ACME_EMAIL": "a@example.com"}, "https://mcp.example.com"),
    ],
)
def test_issuer_resource_and_host_name_are_of_one_origin(environment: dict[str, str], base: str) -> None:
    services = compose(**environment)["services"]
    assert services["keycloak"]["environment"]["KC_HOSTNAME"] == base
    assert services["sample"]["environment"]["GATELODGE_PUBLIC_URL"] == f"{base}/mcp"
    for name in OF_PROFILES:
        assert services[name]["environment"]["GATELODGE_PUBLIC_URL"] == f"{base}/{name}/mcp"
    for name in ("sample", "desk", *OF_PROFILES):
        assert services[name]["environment"]["GATELODGE_ISSUER"] == f"{base}/realms/mcp"


def test_only_traefik_publishes_a_port_and_without_a_public_host_on_this_machine_only() -> None:
    for environment, published in (({}, "127.0.0.1:8443:8443"), ({"GATELODGE_PUBLIC_HOST": "x.example"}, "443:8443")):
        services = compose(**environment)["services"]
        assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
            "traefik": [published]
        }


def test_every_part_is_closed_where_it_can_be() -> None:
    services = compose()["services"]
    assert set(services) == PARTS | ONE_SHOT
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "pids_limit", "logging"} <= set(service), name
        assert "privileged" not in service, name
        assert service.get("cap_add", []) == (["CHOWN"] if name == "prepare" else []), name
        assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped"), name
        assert not any("docker.sock" in volume for volume in service.get("volumes", [])), name
    for name in PARTS:
        assert "healthcheck" in services[name], name
        # The images of desk and servers have a user of their own.
        assert services[name].get("user", "app").split(":")[0] not in {"0", "root"}, name
        assert ("user" in services[name]) is (name not in {"desk", "sample", "sample-2", *OF_PROFILES}), name


def test_the_database_is_on_a_network_with_keycloak_alone() -> None:
    document = compose()
    on = {name: set(service.get("networks", ())) for name, service in document["services"].items()}
    assert {name for name, networks in on.items() if networks & on["postgres"]} == {"postgres", "keycloak"}
    assert document["networks"]["database"]["internal"] is True
    # One way out, which the desk and the servers need.
    assert [name for name, network in document["networks"].items() if not network.get("internal")] == ["edge"]
    # Keycloak has no way out, and none in but the edge's.
    assert on["keycloak"] == {"internal", "database"}
    assert document["services"]["prepare"]["network_mode"] == "none"


def test_figures_are_read_inside_and_no_other_network_leads_to_who_watches() -> None:
    services = compose()["services"]
    on = {name: set(service.get("networks", ())) for name, service in services.items()}
    assert {name: on[name] for name in WATCHING} == {
        "prometheus": {"internal", "observability"},
        "grafana": {"observability"},
        "valkey": {"counters"},
    }
    ours = {"desk", "sample", "sample-2", *OF_PROFILES}
    assert {name for name in on if "counters" in on[name]} == {"valkey", *ours}
    # Prometheus reads each at the port that it listens on, by a network that both are on.
    further = read_servers(bundled(ROOT, sorted(OF_PROFILES)))
    found = {
        target
        for text in prepare().targets(further, 2).values()
        for group in yaml.safe_load(text)
        for target in group["targets"]
    }
    assert found == {f"{name}:9464" for name in ours} | {"keycloak:9000", "traefik:8080"}
    assert all("internal" in on[target.partition(":")[0]] for target in found)
    for name in ours:
        assert services[name]["environment"]["GATELODGE_METRICS_PORT"] == "9464", name
    # Traefik's are at its address on that network, and only when somebody reads them.
    address = services["prepare"]["environment"]["INTERNAL_ADDRESS"]
    assert services["traefik"]["networks"]["internal"]["ipv4_address"] == address
    template = (ROOT / "infra" / "traefik" / "traefik.yaml").read_text("utf-8")
    for given, ping in (({}, "127.0.0.1:8080"), ({"figures_at": address}, f"{address}:8080")):
        points = yaml.safe_load(prepare().static_configuration(template, **given))["entryPoints"]
        assert points["ping"]["address"] == ping


async def test_each_part_of_ours_takes_the_name_that_prometheus_asks_by() -> None:
    services = compose()["services"]
    for name in ("desk", "sample", "sample-2", *OF_PROFILES):
        figures = Exposition(services[name]["environment"]["GATELODGE_METRICS_BIND"])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=figures)) as client:
            assert (await client.get(f"http://{name}:9464/metrics")).status_code == 200, name
            assert (await client.get(f"http://{name}.rebinds.example:9464/metrics")).status_code == 421, name


def test_parts_start_after_what_they_need_is_ready() -> None:
    services = compose()["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert how["condition"] == wanted, (name, other)
    after = {name: set(service.get("depends_on", ())) for name, service in services.items()}
    assert {"keycloak", "desk", "sample"} <= after["traefik"]
    assert "realm" in after["desk"] & after["sample"]
    assert after["realm"] == {"keycloak"}


def test_secrets_are_files_and_never_variables() -> None:
    for name, service in compose()["services"].items():
        for variable in service.get("environment", {}):
            secret = re.search(r"PASSWORD|SECRET|TOKEN|KEY(?!CLOAK)", variable)
            assert not secret or variable.endswith("_FILE"), (name, variable)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"GATELODGE_PUBLIC_HOST": "mcp.example.com", "ACME_EMAIL": "ops@example.com"},
        {"COMPOSE_PROFILES": "workspace"},
        {"COMPOSE_PROFILES": "toolbox,workspace"},
        {"COMPOSE_PROFILES": "observability"},
    ],
)
def test_compose_itself_renders_the_file(environment: dict[str, str]) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    done = subprocess.run(
        [docker, "compose", "config"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "variable is not set" not in done.stderr
    document = yaml.safe_load(done.stdout)
    on = set(filter(None, environment.get("COMPOSE_PROFILES", "").split(",")))
    on = on - {"observability"} | (WATCHING if "observability" in on else set())
    assert set(document["services"]) == (PARTS | ONE_SHOT) - set(OF_PROFILES) - WATCHING | on
    traefik = document["services"]["traefik"]["ports"][0]
    assert traefik["published"] == ("443" if "GATELODGE_PUBLIC_HOST" in environment else "8443")
    ours = compose(**environment)["services"]
    for name, service in document["services"].items():
        seen, given = service.get("environment", {}), ours[name].get("environment", {})
        # A file of the operator's own may say more.
        asked = given if "env_file" in ours[name] else seen
        assert {k: seen[k] for k in asked} == {k: str(v or "") for k, v in given.items()}, name
