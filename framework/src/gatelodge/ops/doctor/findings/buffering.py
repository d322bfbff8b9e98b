"""Proxy buffering and compression, which hold streamed answers back until a client gives up."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem

__all__ = ["CHECK", "holding"]

HOLDING = ("buffering", "compress")


async def _examine(facts: Facts) -> Finding:
    held = sorted(holding(facts.layout.infra / "traefik" / "dynamic.yaml")) if facts.layout else []
    if held:
        return problem(
            f"Traefik's routes hold answers back: {', '.join(held)}",
            fix="Remove the middleware from the router: streamed answers must pass at once.",
            command="grep -n 'buffering:\\|compress:' infra/traefik/dynamic.yaml",
        )
    try:
        answer = await facts.outbound.request(
            "POST", facts.mcp_url, headers={"accept-encoding": "gzip", "content-type": "application/json"}
        )
    except GatelodgeError as error:
        if "compressed" in error.detail:
            return problem(
                "the edge compresses answers of the MCP endpoint",
                fix="Switch compression off for this path: it buffers streams (nginx: gzip off; Traefik: no compress).",
                command=f"curl -sD- -o/dev/null -H 'Accept-Encoding: gzip' -X POST {facts.mcp_url}",
            )
        return not_checked(f"the MCP endpoint does not answer: {error.detail}")
    via = answer.headers.get("via") or answer.headers.get("server", "")
    seen = f"; a proxy names itself {via!r}" if via else ""
    return healthy(f"answers come uncompressed{seen}. gatelodge verify measures streaming with a token")


def holding(dynamic: Path) -> Iterator[str]:
    """``router: middleware`` for each one in a Traefik file that buffers or compresses; nothing without the file."""
    try:
        document: Any = yaml.safe_load(dynamic.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError):
        return
    http: Mapping[str, Any] = document.get("http") or {}
    middlewares: Mapping[str, Any] = http.get("middlewares") or {}
    for name, router in (http.get("routers") or {}).items():
        for used in router.get("middlewares") or ():
            if any(kind in (middlewares.get(used) or {}) for kind in HOLDING):
                yield f"{name}: {used}"


CHECK = Check("buffering", "Streaming through the proxy", _examine, live=True)
