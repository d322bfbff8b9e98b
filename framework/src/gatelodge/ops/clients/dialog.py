"""What to type into a client's dialog for a predefined client, line by line; pure text.

Not here: how the client is made (``registration.predefined``), where its addresses come from (``place``).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from gatelodge.core.urls import is_loopback
from gatelodge.registration.predefined import Predefined

__all__ = ["Addresses", "dialog"]

_NAME = "my-server"
_HOSTED = frozenset({"chatgpt", "claude"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """The public addresses that a dialog asks for; ``mcp_url`` empty where it is not known here."""

    mcp_url: str
    issuer: str
    scopes: tuple[str, ...]

    @property
    def authorization(self) -> str:
        """Where a person signs in."""
        return f"{self.issuer}/protocol/openid-connect/auth"

    @property
    def token(self) -> str:
        """Where the client gets its tokens."""
        return f"{self.issuer}/protocol/openid-connect/token"


def dialog(product: str, made: Predefined, addresses: Addresses) -> str:
    """Where to go in the product, and a table of what to type there. Holds the client's secret when it has one."""
    mcp_url = addresses.mcp_url or "(the MCP URL of your server, as clients type it)"
    scopes = " ".join(addresses.scopes)
    rows = [("MCP server URL", mcp_url), ("Client ID", made.client_id)]
    if made.secret is not None:
        rows += [("Client secret", made.secret.reveal()), ("Auth method", "client_secret_post or client_secret_basic")]
    else:
        rows += [("Client secret", "(leave it empty)"), ("Auth method", "none")]
    rows += [("Authorization URL", addresses.authorization), ("Token URL", addresses.token), ("Scopes", scopes)]
    lines = [f"Made: {made.name}, client {made.client_id}", "", *_where(product, made, mcp_url), "", *_table(rows), ""]
    lines += ["Codes are sent only to:", *(f"  {uri}" for uri in made.redirects)]
    lines.append("If the client shows another callback URL, add a client with it: --name OTHER --redirect URL")
    if made.secret is not None:
        lines.append("The secret is shown this once; Keycloak keeps it.")
    if product in _HOSTED and is_loopback(urlsplit(mcp_url).hostname or ""):
        lines.append(
            f"{made.name} calls from its vendor's servers, where localhost is another machine: it needs a public"
        )
        lines.append("name (gatelodge up --public-url https://YOUR-NAME), which then stands in the addresses above.")
    return "\n".join(lines)


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {label:<18} {value}" for label, value in rows]


def _where(product: str, made: Predefined, mcp_url: str) -> list[str]:
    if product == "claude-code":
        return ["In a terminal:", f"  claude mcp add --transport http {_NAME} {mcp_url} --client-id {made.client_id}"]
    if product == "vscode":
        server = {"type": "http", "url": mcp_url, "oauth": {"clientId": made.client_id}}
        return ["In .vscode/mcp.json:", *_indented({"servers": {_NAME: server}})]
    if product == "cursor":
        auth = {"CLIENT_ID": made.client_id}
        if made.secret is not None:
            auth["CLIENT_SECRET"] = made.secret.reveal()
        return ["In .cursor/mcp.json:", *_indented({"mcpServers": {_NAME: {"url": mcp_url, "auth": auth}}})]
    places = {
        "chatgpt": "In ChatGPT: Settings > Apps > Advanced settings > Developer mode on; Create app; Authentication:"
        " OAuth; in its advanced settings choose a client of your own and type:",
        "claude": "In Claude: Settings > Connectors > Add custom connector; open Advanced settings and type:",
        "codex": "In Codex: in the settings of the MCP server, as its OAuth client:",
        "inspector": "In MCP Inspector: Transport: Streamable HTTP; Authentication > OAuth 2.0 Flow:",
    }
    return [places[product]]


def _indented(value: object) -> list[str]:
    return [f"  {line}" for line in json.dumps(value, indent=2).splitlines()]
