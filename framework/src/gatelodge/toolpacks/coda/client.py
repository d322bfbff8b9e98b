"""The calls of Coda's API (v1) that the tools make; each gives JSON as Coda sent it.

Invariant: whose token a call takes is what the caller asked for. A missing token of the user is never replaced by the
server's, nor the other way round, and neither of them says who the caller is.
"""

from collections.abc import Mapping
from typing import Any

from gatelodge.connections.upstream import Credential
from gatelodge.toolpacks.coda.models import Account
from gatelodge.toolpacks.pack import PackContext
from gatelodge.toolpacks.refusals import path_of

__all__ = ["Coda"]


class Coda:
    """Coda for one call of ``tool``, with the server's own token (``service``) or the user's (``own``)."""

    def __init__(self, api: PackContext, tool: str, account: Account) -> None:
        self._api, self._tool, self._account = api, tool, account

    async def who(self) -> Mapping[str, Any]:
        """Whose token it is."""
        return await self._get("/whoami")

    async def docs(self, query: str | None, limit: int, cursor: str | None) -> Mapping[str, Any]:
        """Docs that the token reaches; ``query`` are words of their names."""
        return await self._get("/docs", {"query": query}, limit, cursor)

    async def doc(self, doc: str) -> Mapping[str, Any]:
        """One doc."""
        return await self._get(path_of("/docs/{doc}", doc=doc))

    async def tables(self, doc: str, limit: int, cursor: str | None) -> Mapping[str, Any]:
        """Tables and views of a doc."""
        return await self._get(path_of("/docs/{doc}/tables", doc=doc), {}, limit, cursor)

    async def rows(self, doc: str, table: str, query: str | None, limit: int, cursor: str | None) -> Mapping[str, Any]:
        """Rows with plain values by the columns' names; ``query`` is in Coda's form, ``"Column":value``."""
        path = path_of("/docs/{doc}/tables/{table}/rows", doc=doc, table=table)
        return await self._get(path, {"query": query, "useColumnNames": "true", "valueFormat": "simple"}, limit, cursor)

    async def _get(
        self,
        path: str,
        query: Mapping[str, str | None] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Mapping[str, Any]:
        sent = {name: value for name, value in (query or {}).items() if value}
        sent |= {"limit": str(limit)} if limit else {}
        sent |= {"pageToken": cursor} if cursor else {}
        credential: Credential = "service" if self._account == "service" else "user"
        found = await self._api.call(self._tool, "GET", path, query=sent, credential=credential)
        return found if isinstance(found, Mapping) else {}
