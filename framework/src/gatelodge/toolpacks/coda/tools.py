"""Coda's tools: all of them read."""

import json
import re
from typing import Annotated

from pydantic import Field

from gatelodge.toolpacks.answer import records
from gatelodge.toolpacks.coda.client import Coda
from gatelodge.toolpacks.coda.models import (
    Account,
    DocPage,
    DocResult,
    RowPage,
    TablePage,
    Who,
)
from gatelodge.toolpacks.coda.models import (
    cursor as next_cursor,
)
from gatelodge.toolpacks.coda.models import (
    doc as read_doc,
)
from gatelodge.toolpacks.coda.models import (
    row as read_row,
)
from gatelodge.toolpacks.coda.models import (
    table as read_table,
)
from gatelodge.toolpacks.coda.models import (
    who as read_who,
)
from gatelodge.toolpacks.errors import ArgumentRefused
from gatelodge.toolpacks.pack import Pack, PackContext, PackTool

__all__ = ["PACK", "get_doc", "list_docs", "list_rows", "list_tables", "whoami"]

_ID = r"^[A-Za-z0-9_-]{1,128}$"
_COLUMN_ID = r"c-[A-Za-z0-9_-]{6,40}"
_CELLS = 60

Whose = Annotated[
    Account,
    Field(
        description="Whose Coda token: 'service' is this server's own, shared by its users; 'own' is your linked one"
    ),
]
DocId = Annotated[str, Field(description="doc_id of a result", pattern=_ID)]
TableId = Annotated[str, Field(description="table_id of a result of list_tables", pattern=_ID)]
Cursor = Annotated[str | None, Field(description="next_cursor of the last result, unchanged", max_length=4000)]
Limit = Annotated[int, Field(description="Results per page", ge=1, le=100)]


async def whoami(api: PackContext, /, account: Whose = "service") -> Who:
    """Whose Coda token is used, and what it reaches."""
    return read_who(await Coda(api, "whoami", account).who(), account, api.texts)


async def list_docs(
    api: PackContext,
    /,
    query: Annotated[str | None, Field(description="Words of the docs' names; left out: all", max_length=200)] = None,
    limit: Limit = 25,
    cursor: Cursor = None,
    account: Whose = "service",
) -> DocPage:
    """List the Coda docs that the token reaches. Read one with get_doc, its tables with list_tables."""
    found = await Coda(api, "list_docs", account).docs(query, limit, cursor)
    docs = [read_doc(entry, api.texts) for entry in records(found, "items")[:limit]]
    return DocPage(account=account, docs=docs, next_cursor=next_cursor(found), notice=api.texts.notice())


async def get_doc(api: PackContext, /, doc_id: DocId, account: Whose = "service") -> DocResult:
    """Show one Coda doc: its name, owner, folder and size."""
    found = read_doc(await Coda(api, "get_doc", account).doc(doc_id), api.texts)
    return DocResult(account=account, doc=found, notice=api.texts.notice())


async def list_tables(
    api: PackContext,
    /,
    doc_id: DocId,
    limit: Limit = 50,
    cursor: Cursor = None,
    account: Whose = "service",
) -> TablePage:
    """List the tables and views of a Coda doc. Read their rows with list_rows."""
    found = await Coda(api, "list_tables", account).tables(doc_id, limit, cursor)
    return TablePage(
        account=account,
        doc_id=doc_id,
        tables=[read_table(entry, api.texts) for entry in records(found, "items")[:limit]],
        next_cursor=next_cursor(found),
        notice=api.texts.notice(),
    )


async def list_rows(
    api: PackContext,
    /,
    doc_id: DocId,
    table_id: TableId,
    *,
    column: Annotated[
        str | None, Field(description="Only rows with this value in this column, by its name or id", max_length=200)
    ] = None,
    value: Annotated[str | int | float | bool | None, Field(description="The value to look for in column")] = None,
    limit: Limit = 25,
    cursor: Cursor = None,
    account: Whose = "service",
) -> RowPage:
    """List rows of a Coda table or view with their cells, oldest first; with column and value only those that match."""
    query = _filter(column, value)
    found = await Coda(api, "list_rows", account).rows(doc_id, table_id, query, limit, cursor)
    return RowPage(
        account=account,
        doc_id=doc_id,
        table_id=table_id,
        rows=[read_row(entry, api.texts, _CELLS) for entry in records(found, "items")[:limit]],
        next_cursor=next_cursor(found),
        notice=api.texts.notice(),
    )


def _filter(column: str | None, value: str | float | bool | None) -> str | None:
    if column is None and value is None:
        return None
    if column is None or value is None:
        raise ArgumentRefused("column and value belong together.", hint="Give both, or neither of them.")
    # JSON on both sides, so that a quote in a name or value stays within it; Coda wants its ids without quotes.
    name = column if re.fullmatch(_COLUMN_ID, column, re.ASCII) else json.dumps(column, ensure_ascii=False)
    return f"{name}:{json.dumps(value, ensure_ascii=False)}"


PACK = Pack(
    name="coda",
    title="Coda",
    provider="coda",
    tools=(
        PackTool(
            whoami,
            "read",
            "Coda: whose token",
            asks=("who am I in Coda", "whose Coda token is this"),
            calls=("GET /whoami",),
        ),
        PackTool(
            list_docs,
            "read",
            "Coda: list docs",
            asks=("list Coda docs", "find a Coda doc"),
            calls=("GET /docs",),
        ),
        PackTool(
            get_doc,
            "read",
            "Coda: show a doc",
            asks=("show a Coda doc",),
            calls=("GET /docs/{doc}",),
        ),
        PackTool(
            list_tables,
            "read",
            "Coda: list tables",
            asks=("list the tables of a Coda doc",),
            calls=("GET /docs/{doc}/tables",),
        ),
        PackTool(
            list_rows,
            "read",
            "Coda: list rows",
            asks=("list the rows of a Coda table", "find a row in Coda"),
            calls=("GET /docs/{doc}/tables/{table}/rows",),
        ),
    ),
    instructions=(
        "Coda: list_docs gives doc_id, list_tables gives table_id; list_rows takes both unchanged. account 'service' is "
        "this server's own token, 'own' the user's: keep to one of them within a chain of calls."
    ),
)
