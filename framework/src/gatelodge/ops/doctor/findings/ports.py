"""Ports: the public one is free before a start, and answered by this stack when it runs."""

import socket
from urllib.parse import urlsplit

from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import is_loopback
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem

__all__ = ["CHECK"]


async def _examine(facts: Facts) -> Finding:
    parts = urlsplit(facts.mcp_url)
    port = parts.port or 443
    if facts.record is not None and not facts.record.state.running and is_loopback(parts.hostname or ""):
        return _free(port)
    try:
        await facts.get(f"{facts.base}/health/live")
    except GatelodgeError as error:
        return problem(
            f"nothing usable answers at {facts.base}: {error.detail}",
            fix="Start the stack, or open the port in the firewall.",
            command="gatelodge status" if facts.layout else f"curl -v {facts.base}/health/live",
        )
    return healthy(f"{facts.base} answers")


def _free(port: int) -> Finding:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except PermissionError:
            return not_checked(f"this user may not open port {port}", fix="Choose a port above 1023 with --port.")
        except OSError:
            return problem(
                f"the stack does not run here and something else listens on port {port}",
                fix="Stop it, or choose another port with --port.",
                command=f"ss -ltnp 'sport = :{port}'",
            )
    return healthy(f"the stack does not run; port {port} is free")


CHECK = Check("ports", "Public port", _examine)
