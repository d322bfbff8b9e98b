"""The calls of Jira Cloud's REST API (version 3) that the tools make, for one site; each gives JSON as Jira sent it.

A write is sent once and never again: Jira has no key by which it would know the second as the first.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from gatelodge.toolpacks.errors import LinkAgainRequired, LinkRequired, PackFault
from gatelodge.toolpacks.jira.adf import to_adf
from gatelodge.toolpacks.jira.sites import Site, chosen
from gatelodge.toolpacks.pack import PackContext
from gatelodge.toolpacks.refusals import path_of

__all__ = ["Jira"]

_API = "/rest/api/3"
# What a list shows of an issue; without names Jira gives ids only.
SUMMARY = (
    "summary",
    "status",
    "issuetype",
    "priority",
    "assignee",
    "reporter",
    "project",
    "labels",
    "created",
    "updated",
)


class Jira:
    """Jira at one site, for one call of ``tool``."""

    def __init__(self, api: PackContext, tool: str, site: Site) -> None:
        self._api, self._tool, self.site = api, tool, site

    @classmethod
    async def at(cls, api: PackContext, tool: str, site: str | None) -> "Jira":
        """The site that the caller names, or the only one. Raises: ArgumentRefused, with the sites."""
        return cls(api, tool, await chosen(api, tool, site))

    async def search(self, jql: str, limit: int, cursor: str | None) -> Any:
        """Issues that match."""
        asked: dict[str, Any] = {"jql": jql, "maxResults": limit, "fields": list(SUMMARY)}
        return await self._call(
            "POST", "/search/jql", json=asked | ({"nextPageToken": cursor} if cursor else {}), reads=True
        )

    async def issue(self, key: str) -> Any:
        """One issue with its description."""
        query = {"fields": ",".join((*SUMMARY, "description"))}
        return await self._call("GET", path_of("/issue/{key}", key=key), query=query)

    async def comments(self, key: str, start: int, limit: int) -> Any:
        """Comments, oldest first."""
        query = {"startAt": str(start), "maxResults": str(limit)}
        return await self._call("GET", path_of("/issue/{key}/comment", key=key), query=query)

    async def create(self, fields: Mapping[str, Any]) -> Any:
        """Make an issue."""
        return await self._call("POST", "/issue", json={"fields": dict(fields)})

    async def add_comment(self, key: str, markdown: str) -> Any:
        """Add a comment."""
        body = await asyncio.to_thread(to_adf, markdown)
        return await self._call("POST", path_of("/issue/{key}/comment", key=key), json={"body": body})

    async def transitions(self, key: str) -> Any:
        """What can be done with an issue now."""
        return await self._call("GET", path_of("/issue/{key}/transitions", key=key))

    async def transition(self, key: str, transition: str) -> None:
        """Do one of them."""
        body = {"transition": {"id": transition}}
        await self._call("POST", path_of("/issue/{key}/transitions", key=key), json=body)

    async def projects(self, words: str | None, start: int, limit: int) -> Any:
        """Projects that the user may see."""
        query = {"startAt": str(start), "maxResults": str(limit), "orderBy": "key"}
        return await self._call("GET", "/project/search", query=query | ({"query": words} if words else {}))

    async def project(self, key: str) -> Any:
        """One project, with its types of issue."""
        return await self._call("GET", path_of("/project/{key}", key=key))

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        try:
            return await self._api.call(self._tool, method, _API + path, site=self.site.id, **more)
        except LinkAgainRequired:
            raise
        except LinkRequired as error:
            # The account was there a moment ago, so it is the site that the link does not have.
            hint = f"Name another site, or link Jira again with it: {error.url}."
            raise PackFault("Your linked Jira account does not know that site.", hint=hint) from error
