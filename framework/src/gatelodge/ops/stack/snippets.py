"""Ready-to-paste texts that link the usual clients to the local stack.

Clients whose calls come from their vendor's servers cannot reach localhost: for these the text says what is needed.
With a public name (``gatelodge up --public-url``) every client links to that name and needs no local authority.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from gatelodge.core.urls import is_loopback, origin_of

__all__ = ["SNIPPETS"]

_NAME = "deep-research"


def _chatgpt(mcp_url: str, ca_file: Path) -> str:
    steps = [
        "Settings > Apps > Advanced settings > Developer mode on; then Create app:",
        f"  Name: {_NAME}",
        f"  MCP server URL: {mcp_url if _public(mcp_url) else 'https://YOUR-NAME/mcp'}",
        "  Authentication: OAuth",
    ]
    if _public(mcp_url):
        return "\n".join(steps)
    return f"""\
ChatGPT calls from OpenAI's servers, where localhost is another machine. It needs a public HTTPS name:
  1. open a tunnel to {origin_of(mcp_url)}, for example:
     cloudflared tunnel --url {origin_of(mcp_url)} --origin-server-name localhost --origin-ca-pool '{ca_file}'
  2. gatelodge down, then: gatelodge up --public-url https://YOUR-NAME
     (the name becomes issuer and audience; a tunnel alone gives tokens for the wrong name)
  3. {f"{chr(10)}     ".join(steps)}"""


def _claude(mcp_url: str, ca_file: Path) -> str:
    if _public(mcp_url):
        return f"Settings > Connectors > Add custom connector: {mcp_url}"
    bridge = {
        "mcpServers": {
            _NAME: {
                "command": "npx",
                "args": ["-y", "mcp-remote", mcp_url],
                "env": {"NODE_EXTRA_CA_CERTS": str(ca_file)},
            }
        }
    }
    return f"""\
claude.ai calls from Anthropic's servers and needs a public name, as ChatGPT does; then:
  Settings > Connectors > Add custom connector: https://YOUR-NAME/mcp
Claude Desktop reaches this machine through mcp-remote, in claude_desktop_config.json:
{json.dumps(bridge, indent=2)}"""


def _claude_code(mcp_url: str, ca_file: Path) -> str:
    return f"""\
claude mcp add --transport http {_NAME} {mcp_url}
{_trusting(mcp_url, ca_file)}claude
then inside: /mcp, {_NAME}, Authenticate"""


def _vs_code(mcp_url: str, ca_file: Path) -> str:
    servers = {"servers": {_NAME: {"type": "http", "url": mcp_url}}}
    text = f".vscode/mcp.json:\n{json.dumps(servers, indent=2)}"
    if _public(mcp_url):
        return text
    return f"{text}\nstarted so that it trusts the local authority:\n{_trusting(mcp_url, ca_file)}code ."


def _inspector(mcp_url: str, ca_file: Path) -> str:
    text = f"""\
{_trusting(mcp_url, ca_file)}npx @modelcontextprotocol/inspector
Transport: Streamable HTTP, URL: {mcp_url}"""
    if _public(mcp_url):
        return text
    return f"{text}\nThe browser must trust the authority too: import {ca_file} there."


def _public(mcp_url: str) -> bool:
    return not is_loopback(urlsplit(mcp_url).hostname or "")


def _trusting(mcp_url: str, ca_file: Path) -> str:
    return "" if _public(mcp_url) else f"NODE_EXTRA_CA_CERTS='{ca_file}' "


SNIPPETS: Mapping[str, Callable[[str, Path], str]] = MappingProxyType(
    {
        "ChatGPT": _chatgpt,
        "Claude": _claude,
        "Claude Code": _claude_code,
        "VS Code": _vs_code,
        "MCP Inspector": _inspector,
    }
)
