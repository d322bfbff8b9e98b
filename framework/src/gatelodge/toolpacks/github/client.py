"""The calls of GitHub's REST API (version 2022-11-28) that the tools make; each gives JSON as GitHub sent it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.toolpacks.answer import records
from gatelodge.toolpacks.errors import ArgumentRefused
from gatelodge.toolpacks.pack import PackContext
from gatelodge.toolpacks.refusals import path_of

__all__ = ["GitHub", "Page"]

# A search gives no more than this, however many match.
_SEARCHABLE = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: its number from 1, and its size, which must be the same for all pages of one list."""

    number: int
    size: int

    @classmethod
    def of(cls, cursor: str | None, size: int) -> "Page":
        """The page of a cursor, else the first. Raises: ArgumentRefused."""
        if cursor is None:
            return cls(1, size)
        number, _, its_size = cursor.partition("x")
        if not (number.isascii() and number.isdecimal() and its_size.isascii() and its_size.isdecimal()):
            raise ArgumentRefused("The cursor is none.", hint="Give next_cursor of the last result, unchanged.")
        page = cls(int(number[:6]), int(its_size[:6]))
        if not (1 <= page.size <= 100 and page.number >= 1):
            raise ArgumentRefused("The cursor is none.", hint="Give next_cursor of the last result, unchanged.")
        return page

    def next(self, total: int) -> str | None:
        """The cursor of the page after this one, of so many entries."""
        return f"{self.number + 1}x{self.size}" if self.number * self.size < total else None

    @property
    def query(self) -> dict[str, str]:
        """Its place in a query."""
        return {"per_page": str(self.size), "page": str(self.number)}


class GitHub:
    """GitHub for one call of ``tool``."""

    def __init__(self, api: PackContext, tool: str) -> None:
        self._api, self._tool = api, tool

    async def user(self, username: str | None) -> Mapping[str, Any]:
        """The named account, else the linked one."""
        path = path_of("/users/{name}", name=username) if username else "/user"
        return _object(await self._api.call(self._tool, "GET", path))

    async def repositories(self, username: str | None, size: int) -> list[Mapping[str, Any]]:
        """The account's own repositories, last pushed first; of the linked account the private ones too."""
        query = {"per_page": str(size), "sort": "pushed"}
        if username:
            path = path_of("/users/{name}/repos", name=username)
        else:
            path, query = "/user/repos", query | {"affiliation": "owner"}
        return records(await self._api.call(self._tool, "GET", path, query=query))

    async def search(self, query: str, page: Page) -> tuple[Mapping[str, Any], str | None]:
        """Issues and pull requests, and the cursor of the next page."""
        if (page.number - 1) * page.size >= _SEARCHABLE:
            hint = "Search for something narrower."
            raise ArgumentRefused(f"GitHub gives only the first {_SEARCHABLE} results.", hint=hint)
        found = _object(await self._api.call(self._tool, "GET", "/search/issues", query={"q": query} | page.query))
        total = found.get("total_count")
        return found, page.next(min(total, _SEARCHABLE)) if isinstance(total, int) else None

    async def issue(self, repository: str, number: int) -> Mapping[str, Any]:
        """One issue or pull request."""
        return _object(await self._api.call(self._tool, "GET", self._path(repository, f"/{number}")))

    async def comments(self, repository: str, number: int, page: Page) -> list[Mapping[str, Any]]:
        """Comments, oldest first."""
        path = self._path(repository, f"/{number}/comments")
        return records(await self._api.call(self._tool, "GET", path, query=page.query))

    async def create_issue(self, repository: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make an issue; never sent twice."""
        return _object(await self._api.call(self._tool, "POST", self._path(repository), json=dict(fields)))

    def _path(self, repository: str, rest: str = "") -> str:
        owner, _, name = repository.partition("/")
        return path_of("/repos/{owner}/{name}/issues", owner=owner, name=name) + rest


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
