"""The one table that ``up`` ends with: where everything is, who can sign in, how to link each client."""

from gatelodge.ops.stack.prometheus import PROMETHEUS
from gatelodge.ops.stack.snippets import SNIPPETS
from gatelodge.ops.stack.status import StackStatus

__all__ = ["render_status", "render_table"]

_LABELS = {
    "mcp_url": "MCP URL",
    "issuer": "Issuer",
    "resource_metadata_url": "Resource metadata",
    "authorization_server_metadata_url": "Issuer metadata",
}


def render_table(status: StackStatus) -> str:
    """The table of a ready stack, passwords included: it is for the person at this terminal."""
    rows = [(label, status.urls[key]) for key, label in _LABELS.items() if key in status.urls]
    rows[1:1] = [(f"MCP URL of {name}", url) for name, url in status.servers.items()]
    rows += [(f"Test user {name}", password) for name, password in status.users.items()]
    rows += [("CA file", str(status.ca_file)), ("Logs", str(status.log_dir))]
    width = max(len(label) for label, _ in rows)
    lines = ["", *(f"  {label:<{width}}  {value}" for label, value in rows)]
    if "mcp_url" in status.urls:
        for client, snippet in SNIPPETS.items():
            lines += ["", f"--- {client} ---", snippet(status.urls["mcp_url"], status.ca_file)]
    return "\n".join(lines)


def render_status(status: StackStatus) -> str:
    """A few lines for ``gatelodge status``; no password."""
    lines = [f"{status.state.value}: {status.message}" if status.message else status.state.value]
    lines += [f"  {label}: {status.urls[key]}" for key, label in _LABELS.items() if key in status.urls]
    lines += [f"  MCP URL of {name}: {url}" for name, url in status.servers.items()]
    lines += [f"  Metrics of {name}: {url}" for name, url in status.metrics.items()]
    if PROMETHEUS in status.urls:
        lines.append(f"  Prometheus: {status.urls[PROMETHEUS]}")
    for part in status.processes:
        lines.append(f"  {part.name}: pid {part.pid}, {part.rss_bytes / 1e6:.0f} MB")
    lines.append(f"  Logs: {status.log_dir}")
    return "\n".join(lines)
