"""Ready-to-paste texts that link the usual clients to the local stack.

Clients whose calls come from their vendor's servers cannot reach localhost: for these the text says what is needed.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

__all__ = ["SNIPPETS"]

_NAME = "deep-research"


def _chatgpt(mcp_url: str, ca_file: Path) -> str:
    del ca_file  # its servers trust public authorities only
    return f"""\
ChatGPT calls from OpenAI's servers, so {mcp_url} cannot work there: localhost is
their own machine. It needs a public HTTPS name on port 443 with a publicly trusted certificate:
  - deploy the stack on a host with such a name, or
  - end a tunnel at this machine. The name becomes the issuer and the audience, so the stack must be
    configured with it; a tunnel to {mcp_url} alone gives tokens for the wrong name.
Then: Settings > Apps & Connectors > Advanced > Developer mode on; Create:
  Name: {_NAME}
  MCP server URL: https://YOUR-NAME/mcp
  Authentication: OAuth"""


def _claude(mcp_url: str, ca_file: Path) -> str:
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
claude.ai calls from Anthropic's servers and needs a public name, as ChatGPT does:
  Settings > Connectors > Add custom connector: https://YOUR-NAME/mcp
Claude Desktop reaches this machine through mcp-remote, in claude_desktop_config.json:
{json.dumps(bridge, indent=2)}"""


def _claude_code(mcp_url: str, ca_file: Path) -> str:
    return f"""\
claude mcp add --transport http {_NAME} {mcp_url}
NODE_EXTRA_CA_CERTS='{ca_file}' claude
then inside: /mcp, {_NAME}, Authenticate"""


def _vs_code(mcp_url: str, ca_file: Path) -> str:
    servers = {"servers": {_NAME: {"type": "http", "url": mcp_url}}}
    return f"""\
.vscode/mcp.json:
{json.dumps(servers, indent=2)}
started so that it trusts the local authority:
NODE_EXTRA_CA_CERTS='{ca_file}' code ."""


def _inspector(mcp_url: str, ca_file: Path) -> str:
    return f"""\
NODE_EXTRA_CA_CERTS='{ca_file}' npx @modelcontextprotocol/inspector
Transport: Streamable HTTP, URL: {mcp_url}
The browser must trust the authority too: import {ca_file} there."""


SNIPPETS: Mapping[str, Callable[[str, Path], str]] = MappingProxyType(
    {
        "ChatGPT": _chatgpt,
        "Claude": _claude,
        "Claude Code": _claude_code,
        "VS Code": _vs_code,
        "MCP Inspector": _inspector,
    }
)
