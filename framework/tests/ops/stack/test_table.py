"""What a person is shown: everything needed, and no password where none belongs."""

import json
import re
from pathlib import Path

import pytest

from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.options import StackOptions
from gatelodge.ops.stack.record import RunState
from gatelodge.ops.stack.snippets import SNIPPETS
from gatelodge.ops.stack.status import PartStatus, StackStatus
from gatelodge.ops.stack.table import render_status, render_table


@pytest.fixture
def status(layout: Layout) -> StackStatus:
    return StackStatus(
        state=RunState.READY,
        message="ready",
        urls=StackOptions(layout, port=9443).urls,
        ca_file=layout.ca_file,
        log_dir=layout.logs,
        users={"ada": "pass-word-1", "grace": "pass-word-2"},
        processes=(PartStatus("traefik", 42, 98_000_000),),
    )


def test_the_table_has_every_address_user_and_file(status: StackStatus) -> None:
    text = render_table(status)
    for shown in (
        "https://localhost:9443/mcp",
        "https://localhost:9443/realms/mcp",
        "https://localhost:9443/.well-known/oauth-protected-resource/mcp",
        "https://localhost:9443/.well-known/oauth-authorization-server/realms/mcp",
        "pass-word-1",
        "pass-word-2",
        str(status.ca_file),
        str(status.log_dir),
    ):
        assert shown in text
    assert {"ChatGPT", "Claude", "Claude Code", "VS Code", "MCP Inspector"} <= set(re.findall(r"--- (.+) ---", text))


def test_the_status_shows_no_password(status: StackStatus) -> None:
    text = render_status(status)
    assert "pass-word" not in text
    assert "traefik: pid 42, 98 MB" in text


@pytest.mark.parametrize("client", SNIPPETS)
def test_a_snippet_names_the_url_or_what_takes_its_place(client: str) -> None:
    text = SNIPPETS[client]("https://localhost:9443/mcp", Path("/state/tls/ca.pem"))
    assert "/state/tls/ca.pem" in text
    if client == "ChatGPT":
        assert "https://YOUR-NAME/mcp" in text
        assert "cloudflared tunnel --url https://localhost:9443 " in text
        assert "gatelodge up --public-url https://YOUR-NAME" in text
    else:
        assert "https://localhost:9443/mcp" in text


@pytest.mark.parametrize("client", SNIPPETS)
def test_with_a_public_name_every_snippet_names_it_and_no_local_authority(client: str) -> None:
    text = SNIPPETS[client]("https://mcp.example.com/mcp", Path("/state/tls/ca.pem"))
    assert "https://mcp.example.com/mcp" in text
    assert "ca.pem" not in text
    assert "YOUR-NAME" not in text


@pytest.mark.parametrize("client", ["Claude", "VS Code"])
def test_a_configuration_snippet_is_json(client: str) -> None:
    text = SNIPPETS[client]("https://localhost:9443/mcp", Path('/a "b"/ca.pem'))
    found = re.search(r"^\{$.*?^\}$", text, re.MULTILINE | re.DOTALL)
    assert found
    assert "https://localhost:9443/mcp" in json.dumps(json.loads(found[0]))


def test_a_public_url_takes_the_place_of_localhost_everywhere_but_at_the_edge_itself(layout: Layout) -> None:
    options = StackOptions(layout, port=9443, public_url="https://mcp.example.com")
    assert options.mcp_url == "https://mcp.example.com/mcp"
    assert all("mcp.example.com" in url and "localhost" not in url for url in options.urls.values())
    assert options.local_base == "https://localhost:9443"
    assert options.arguments()[-2:] == ["--public-url", "https://mcp.example.com"]


def test_the_default_https_port_is_left_out_of_the_urls(layout: Layout) -> None:
    assert StackOptions(layout, port=443).mcp_url == "https://localhost/mcp"
