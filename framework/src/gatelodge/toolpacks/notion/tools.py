"""Notion's tools."""

from typing import Annotated, Any, Literal

from pydantic import Field

from gatelodge.toolpacks.answer import records
from gatelodge.toolpacks.errors import ArgumentRefused
from gatelodge.toolpacks.notion.client import Notion
from gatelodge.toolpacks.notion.models import CreatedPage, ItemPage, PageText, RowPage, cursor_of, item, row
from gatelodge.toolpacks.pack import Pack, PackContext, PackTool

__all__ = ["PACK"]

_ID = r"^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"
# Characters of a page that one result has.
_PART = 15_000

PageId = Annotated[str, Field(description="The page's id, as results give it", pattern=_ID)]
SourceId = Annotated[str, Field(description="The data source's id, as results give it", pattern=_ID)]
Cursor = Annotated[str | None, Field(description="next_cursor of the last result, unchanged", max_length=1000)]
Limit = Annotated[int, Field(description="Results per page", ge=1, le=100)]


async def search_notion(
    api: PackContext,
    /,
    words: Annotated[str, Field(description="Words of the title; Notion does not search in texts", max_length=200)],
    kind: Annotated[
        Literal["page", "data_source"] | None, Field(description="Only pages, or only data sources")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ItemPage:
    """Search Notion's pages and data sources by title, last edited first. A data source is what a database's rows are in."""
    found = await Notion(api, "search_notion").search(words, kind, limit, cursor)
    results = [item(entry, api.texts) for entry in records(found, "results")]
    return ItemPage(results=results, next_cursor=cursor_of(found), notice=api.texts.notice())


async def list_notion_pages(api: PackContext, /, limit: Limit = 20, cursor: Cursor = None) -> ItemPage:
    """List the Notion pages that are shared with this connection, last edited first."""
    found = await Notion(api, "list_notion_pages").search("", "page", limit, cursor)
    results = [item(entry, api.texts) for entry in records(found, "results")]
    return ItemPage(results=results, next_cursor=cursor_of(found), notice=api.texts.notice())


async def get_notion_page(api: PackContext, /, page: PageId, cursor: Cursor = None) -> PageText:
    """Read a Notion page as Markdown; a long one in parts."""
    start, fresh = _start(cursor), cursor is None
    notion = Notion(api, "get_notion_page")
    head = item(_object(await notion.page(page, fresh=fresh)), api.texts)
    text, left_out = await notion.markdown(page, fresh=fresh)
    end = start + _PART
    if len(text) > end:
        # At the end of a line where one is near, so that no word is torn.
        end = max(text.rfind("\n", start + _PART // 2, end) + 1, 0) or end
    return PageText(
        page=head,
        markdown=api.texts.body(text[start:end], _PART),
        next_cursor=str(end) if len(text) > end else None,
        incomplete=left_out,
        notice=api.texts.notice(),
    )


async def create_notion_page(
    api: PackContext,
    /,
    title: Annotated[str, Field(description="One line", min_length=1, max_length=500)],
    markdown: Annotated[str, Field(description="The content", max_length=50_000)] = "",
    *,
    parent_page: Annotated[str | None, Field(description="Id of the page to make it in", pattern=_ID)] = None,
    parent_data_source: Annotated[
        str | None, Field(description="Or id of the data source to add it to as a row", pattern=_ID)
    ] = None,
) -> CreatedPage:
    """Make a Notion page in another page, or as a row of a data source. Each call makes one."""
    if (parent_page is None) == (parent_data_source is None):
        hint = "Find the place with search_notion, then give one of both."
        raise ArgumentRefused("Give either parent_page or parent_data_source.", hint=hint)
    parent = {"page_id": parent_page} if parent_page else {"data_source_id": str(parent_data_source)}
    made, missing = await Notion(api, "create_notion_page").create(parent, " ".join(title.split()), markdown)
    page = item(_object(made), api.texts)
    return CreatedPage(page=page, incomplete=bool(missing), missing=missing, notice=api.texts.notice())


async def query_notion_data_source(
    api: PackContext,
    /,
    data_source: SourceId,
    conditions: Annotated[
        dict[str, Any] | None,
        Field(description='Notion\'s filter object: {"property": "Status", "status": {"equals": "Done"}}'),
    ] = None,
    sorts: Annotated[
        list[dict[str, Any]] | None,
        Field(description='Notion\'s sort objects: [{"property": "Due", "direction": "ascending"}]', max_length=10),
    ] = None,
    *,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> RowPage:
    """Read rows of a Notion data source, with their properties. Find it with search_notion, kind data_source."""
    found = await Notion(api, "query_notion_data_source").query(data_source, conditions, sorts, limit, cursor)
    rows = [row(entry, api.texts) for entry in records(found, "results")]
    return RowPage(rows=rows, next_cursor=cursor_of(found), notice=api.texts.notice())


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _start(cursor: str | None) -> int:
    """Where a part begins. Raises: ArgumentRefused."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 9):
        raise ArgumentRefused("The cursor is none.", hint="Give next_cursor of the last result, unchanged.")
    return int(cursor)


PACK = Pack(
    name="notion",
    title="Notion",
    provider="notion",
    tools=(
        PackTool(
            search_notion,
            "read",
            "Notion: search",
            asks=("search Notion", "find a Notion database"),
            calls=("POST /search",),
        ),
        PackTool(
            list_notion_pages,
            "read",
            "Notion: list pages",
            asks=("list Notion pages",),
            calls=("POST /search",),
        ),
        PackTool(
            get_notion_page,
            "read",
            "Notion: read a page",
            asks=("show a Notion page",),
            calls=("GET /pages/{page}", "GET /pages/{page}/markdown"),
        ),
        PackTool(
            create_notion_page,
            "write",
            "Notion: make a page",
            asks=("create Notion page", "write this down in Notion"),
            calls=("POST /pages", "PATCH /blocks/{page}/children"),
        ),
        PackTool(
            query_notion_data_source,
            "read",
            "Notion: rows of a data source",
            asks=("list the rows of a Notion database",),
            calls=("POST /data_sources/{source}/query",),
        ),
    ),
    instructions=(
        "Notion: search_notion gives ids; give a page's id as page or parent_page and a data source's as data_source or "
        "parent_data_source, unchanged."
    ),
)
