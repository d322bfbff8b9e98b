"""The facts of a linked client's MCP: which revision, which tools, what a call gives.

Not here: what is right about an answer (``protocol``, ``tools``), tokens (``linking``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.ops.verify.check import Status, Unmet
from gatelodge.ops.verify.finding import challenged
from gatelodge.ops.verify.linking import grant
from gatelodge.ops.verify.messages import LEGACY, MODERN, Mcp, result_of, rpc_message
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.wire import Reply

__all__ = [
    "Called",
    "called",
    "endpoint",
    "oauth_scopes",
    "search_then_fetch",
    "spoken_era",
    "token",
    "tool_list",
    "tool_named",
]


@dataclass(frozen=True, slots=True)
class Called:
    """One tool call: the tool's listing, the reply and its result (None when there is none)."""

    tool: Mapping[str, Any]
    reply: Reply
    result: Mapping[str, Any] | None

    @property
    def structured(self) -> Any:
        """``structuredContent`` of the result."""
        return (self.result or {}).get("structuredContent")

    @property
    def texts(self) -> list[str]:
        """The text items of the result."""
        content = (self.result or {}).get("content")
        items = content if isinstance(content, list) else []
        return [str(item.get("text", "")) for item in items if isinstance(item, dict) and item.get("type") == "text"]


async def token(session: Session) -> str | None:
    """The access token of the main link; None where the server lets everyone in and no link came about.

    Raises: Unmet.
    """
    try:
        return (await grant(session)).tokens.access_token
    except Unmet:
        if (await challenged(session)).open:
            return None
        raise


async def endpoint(session: Session, era: str | None = None) -> Mcp:
    """The endpoint as the linked client speaks to it. Raises: Unmet."""
    return Mcp(session.wire, session.url, era or await spoken_era(session), await token(session))


async def spoken_era(session: Session) -> str:
    """The revision that the server speaks: 2026-07-28 when it answers ``server/discover``, else 2025-11-25.

    Raises: Unmet (E17-initialize-2025-11-25).
    """
    bearer = await token(session)

    async def find() -> str:
        if result_of(await Mcp(session.wire, session.url, MODERN, bearer).request("server/discover")) is not None:
            return MODERN
        reply, _ = await Mcp(session.wire, session.url, LEGACY, bearer).initialize()
        if result_of(reply) is None:
            raise Unmet(
                "E17-initialize-2025-11-25", f"neither server/discover nor initialize gave a result: {reply.says()}"
            )
        return LEGACY

    return await session.once("era", find)


async def tool_list(session: Session) -> list[dict[str, Any]]:
    """The tools that the linked client sees. Raises: Unmet (E17-tools)."""
    era = await spoken_era(session)

    async def ask() -> list[dict[str, Any]]:
        reply = await (await (await endpoint(session, era)).opened()).request("tools/list")
        tools = (result_of(reply) or {}).get("tools")
        if not isinstance(tools, list):
            raise Unmet("E17-tools", f"tools/list gave no list of tools: {reply.says()} {rpc_message(reply)}"[:300])
        return [tool for tool in tools if isinstance(tool, dict)]

    return await session.once("tools", ask)


async def tool_named(session: Session, name: str) -> dict[str, Any]:
    """A tool of the list. Raises: Unmet, for a server without it."""
    for tool in await tool_list(session):
        if tool.get("name") == name:
            return tool
    raise Unmet(f"F22-{name}", f"there is no tool {name!r}", status=Status.NOT_APPLICABLE)


async def called(session: Session, name: str, arguments: Mapping[str, Any]) -> Called:
    """Call a tool on a session of its own. Raises: Unmet."""
    tool = await tool_named(session, name)
    reply = await (await (await endpoint(session)).opened()).call(name, arguments)
    return Called(tool, reply, result_of(reply))


async def search_then_fetch(session: Session) -> tuple[Called, Called | None]:
    """A search, and a fetch of its first id by a session of its own; no fetch when nothing was found. Raises: Unmet."""

    async def ask() -> tuple[Called, Called | None]:
        await tool_named(session, "fetch")
        found = await called(session, "search", {"query": session.target.query})
        results = found.structured.get("results") if isinstance(found.structured, dict) else None
        first = results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else {}
        if not isinstance(first.get("id"), str):
            return found, None
        return found, await called(session, "fetch", {"id": first["id"]})

    return await session.once("search-fetch", ask)


def oauth_scopes(tool: Mapping[str, Any]) -> frozenset[str]:
    """The scopes that a tool says it needs; empty when it says none or takes strangers too."""
    meta = tool.get("_meta")
    schemes = tool.get("securitySchemes") or (meta.get("securitySchemes") if isinstance(meta, dict) else None)
    found: set[str] = set()
    for scheme in schemes if isinstance(schemes, list) else []:
        if isinstance(scheme, dict) and scheme.get("type") == "noauth":
            return frozenset()
        if isinstance(scheme, dict) and isinstance(scheme.get("scopes"), list):
            found |= {str(scope) for scope in scheme["scopes"]}
    return frozenset(found)
