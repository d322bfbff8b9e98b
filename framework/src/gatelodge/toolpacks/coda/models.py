"""What Coda's tools answer, read from Coda's JSON."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from gatelodge.toolpacks.answer import flag, member, number
from gatelodge.toolpacks.pack import PackResult
from gatelodge.toolpacks.text import DATE, WEB, Texts, identifier

__all__ = [
    "CELL",
    "Account",
    "Cell",
    "Doc",
    "DocPage",
    "DocResult",
    "Row",
    "RowPage",
    "Table",
    "TablePage",
    "Who",
    "cursor",
    "doc",
    "row",
    "table",
    "who",
]

Account = Literal["service", "own"]
# Characters of one cell's text.
CELL = 2000
_ID = r"[A-Za-z0-9_-]{1,128}"
_MAIL = r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9.-]{1,190}"
_TOKEN = r"[A-Za-z0-9._~%+/=-]{1,4000}"  # noqa: S105 - the form of a page token


class CodaResult(PackResult):
    """Base of Coda's results."""

    account: Account = Field(description="Whose token was used: this server's own, or yours")


class Who(CodaResult):
    """Whose token it is."""

    name: str = Field(description="Marked text")
    login: str = Field(description="E-mail address")
    token_name: str = Field(description="The token's name at Coda; marked text")
    limited: bool = Field(description="The token reaches only some docs or tables, or only reads")
    workspace_id: str
    workspace: str = Field(description="Marked text")


class Doc(BaseModel):
    """One doc."""

    doc_id: str = Field(description="Give it to get_doc, list_tables and list_rows unchanged")
    name: str = Field(description="Marked text")
    owner: str = Field(description="E-mail address")
    owner_name: str = Field(description="Marked text")
    folder: str = Field(description="Marked text")
    tables_and_views: int | None = Field(description="How many; null when Coda does not say")
    rows: int | None = Field(description="Total of all tables; null when Coda does not say")
    created_at: str
    updated_at: str
    url: str


class DocResult(CodaResult):
    """One doc."""

    doc: Doc


class DocPage(CodaResult):
    """One page of docs."""

    docs: list[Doc]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


class Table(BaseModel):
    """One table or view."""

    table_id: str = Field(description="Give it to list_rows unchanged, with the doc_id")
    kind: Literal["table", "view"]
    name: str = Field(description="Marked text")
    page: str = Field(description="The page that it is on; marked text")
    url: str


class TablePage(CodaResult):
    """One page of a doc's tables and views."""

    doc_id: str
    tables: list[Table]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


class Cell(BaseModel):
    """One cell."""

    column: str = Field(description="The column's name; marked text")
    value: str | int | float | bool | None = Field(description="Text is marked; what is no plain value is JSON in it")


class Row(BaseModel):
    """One row."""

    row_id: str
    name: str = Field(description="Marked text")
    cells: list[Cell]
    more_cells: bool = Field(description="The row has more cells than these")
    updated_at: str
    url: str


class RowPage(CodaResult):
    """One page of rows."""

    doc_id: str
    table_id: str
    rows: list[Row]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


def who(found: Mapping[str, Any], account: Account, texts: Texts) -> Who:
    """``GET /whoami``."""
    return Who(
        account=account,
        name=texts.line(found.get("name")),
        login=identifier(found.get("loginId"), _MAIL),
        token_name=texts.line(found.get("tokenName")),
        limited=flag(found, "scoped"),
        workspace_id=identifier(member(found, "workspace", "id"), _ID),
        workspace=texts.line(member(found, "workspace", "name")),
        notice=texts.notice(),
    )


def doc(found: Mapping[str, Any], texts: Texts) -> Doc:
    """One doc of an answer."""
    return Doc(
        doc_id=identifier(found.get("id"), _ID),
        name=texts.line(found.get("name")),
        owner=identifier(found.get("owner"), _MAIL),
        owner_name=texts.line(found.get("ownerName")),
        folder=texts.line(member(found, "folder", "name")),
        tables_and_views=number(found, "docSize", "tableAndViewCount"),
        rows=number(found, "docSize", "totalRowCount"),
        created_at=identifier(found.get("createdAt"), DATE),
        updated_at=identifier(found.get("updatedAt"), DATE),
        url=identifier(found.get("browserLink"), WEB),
    )


def table(found: Mapping[str, Any], texts: Texts) -> Table:
    """One table or view of an answer."""
    return Table(
        table_id=identifier(found.get("id"), _ID),
        kind="view" if found.get("tableType") == "view" else "table",
        name=texts.line(found.get("name")),
        page=texts.line(member(found, "parent", "name")),
        url=identifier(found.get("browserLink"), WEB),
    )


def row(found: Mapping[str, Any], texts: Texts, cells: int) -> Row:
    """One row of an answer, with at most so many cells."""
    values = found.get("values")
    pairs = list(values.items()) if isinstance(values, Mapping) else []
    return Row(
        row_id=identifier(found.get("id"), _ID),
        name=texts.line(found.get("name")),
        cells=[Cell(column=texts.line(column, 100), value=_value(value, texts)) for column, value in pairs[:cells]],
        more_cells=len(pairs) > cells,
        updated_at=identifier(found.get("updatedAt"), DATE),
        url=identifier(found.get("browserLink"), WEB),
    )


def cursor(found: Mapping[str, Any]) -> str | None:
    """The cursor of the next page."""
    return identifier(found.get("nextPageToken"), _TOKEN) or None


def _value(value: Any, texts: Texts) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return texts.body(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), CELL)
