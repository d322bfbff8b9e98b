"""The calls of Notion's API that the tools make; each gives JSON as Notion sent it.

Pages as Markdown need version 2026-03-11 of the API, all else is asked in the version of the connection's settings.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from gatelodge.connections.api_errors import ApiRefused
from gatelodge.toolpacks.answer import member
from gatelodge.toolpacks.errors import LinkRequired, PackFault
from gatelodge.toolpacks.notion.markdown import MAX_CHILDREN, blocks
from gatelodge.toolpacks.pack import PackContext
from gatelodge.toolpacks.refusals import path_of

__all__ = ["Notion"]

_MARKDOWN = {"notion-version": "2026-03-11"}
# Seconds in which the further parts of a page are read from what the first one fetched.
_KEEP = 120.0
# Blocks that a page's Markdown left out and that are asked for one by one.
_MAX_UNKNOWN = 10


class Notion:
    """Notion for one call of ``tool``."""

    def __init__(self, api: PackContext, tool: str) -> None:
        self._api, self._tool = api, tool

    async def search(
        self, words: str, kind: Literal["page", "data_source"] | None, limit: int, cursor: str | None
    ) -> Any:
        """Pages and data sources by title, last edited first."""
        asked: dict[str, Any] = {"sort": {"timestamp": "last_edited_time", "direction": "descending"}}
        asked |= {"query": words} if words else {}
        asked |= {"filter": {"property": "object", "value": kind}} if kind else {}
        return await self._call("POST", "/search", json=asked | _page(limit, cursor), reads=True)

    async def page(self, page: str, *, fresh: bool) -> Any:
        """A page's properties; unless ``fresh``, maybe as they were a moment ago."""
        return await self._call("GET", path_of("/pages/{page}", page=page), keep=_KEEP, fresh=fresh)

    async def markdown(self, page: str, *, fresh: bool) -> tuple[str, bool]:
        """A page's content, and whether Notion left anything out."""
        path = "/pages/{page}/markdown"
        more: dict[str, Any] = {"headers": _MARKDOWN, "keep": _KEEP, "fresh": fresh}
        found = await self._call("GET", path_of(path, page=page), **more)
        unknown = member(found, "unknown_block_ids")
        blocks_left = [block for block in unknown if isinstance(block, str)] if isinstance(unknown, list) else []
        texts, left_out = [_text(found)], bool(member(found, "truncated")) and not blocks_left
        for block in blocks_left[:_MAX_UNKNOWN]:
            try:
                part = await self._call("GET", path_of(path, page=block), **more)
            except PackFault as error:
                # Such a block may be one that the connection is not allowed to see.
                if error.provider_status not in (400, 403, 404):
                    raise
                left_out = True
                continue
            texts.append(_text(part))
            left_out |= bool(member(part, "truncated")) or bool(member(part, "unknown_block_ids"))
        return "\n\n".join(filter(None, texts)), left_out or len(blocks_left) > _MAX_UNKNOWN

    async def create(self, parent: Mapping[str, str], title: str, markdown: str) -> tuple[Any, str]:
        """Make a page, and what is not in it; never sent twice, but once more as blocks where Notion takes no Markdown.

        Once the page is there, nothing is raised: an error would make the caller call again, for a second page.
        """
        head = {
            "parent": {"type": next(iter(parent)), **parent},
            "properties": {"title": {"title": [{"type": "text", "text": {"content": title}}]}},
        }
        if not markdown.strip():
            return await self._call("POST", "/pages", json=head), ""
        try:
            return await self._call("POST", "/pages", json=head | {"markdown": markdown}, headers=_MARKDOWN), ""
        except PackFault as error:
            cause = error.__cause__
            if not (isinstance(cause, ApiRefused) and cause.provider_status == 400 and "markdown" in cause.message):
                raise
        content = await asyncio.to_thread(blocks, markdown)
        made = await self._call("POST", "/pages", json=head | {"children": content[:MAX_CHILDREN]})
        for start in range(MAX_CHILDREN, len(content), MAX_CHILDREN):
            try:
                path = path_of("/blocks/{page}/children", page=str(member(made, "id")))
                await self._call("PATCH", path, json={"children": content[start : start + MAX_CHILDREN]})
            except (PackFault, LinkRequired) as error:
                # Its hint would be to call again.
                return made, f"Blocks {start + 1} to {len(content)} of {len(content)}: {error.detail}"
        return made, ""

    async def query(
        self,
        source: str,
        conditions: Mapping[str, Any] | None,
        sorts: list[dict[str, Any]] | None,
        limit: int,
        cursor: str | None,
    ) -> Any:
        """Rows of a data source."""
        asked: dict[str, Any] = ({"filter": dict(conditions)} if conditions else {}) | (
            {"sorts": sorts} if sorts else {}
        )
        path = path_of("/data_sources/{source}/query", source=source)
        return await self._call("POST", path, json=asked | _page(limit, cursor), reads=True)

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        return await self._api.call(self._tool, method, path, **more)


def _page(limit: int, cursor: str | None) -> dict[str, Any]:
    return {"page_size": limit} | ({"start_cursor": cursor} if cursor else {})


def _text(found: Any) -> str:
    text = member(found, "markdown")
    return text if isinstance(text, str) else ""
