"""What Notion's tools answer, read from Notion's JSON."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from gatelodge.toolpacks.answer import flag, member, records
from gatelodge.toolpacks.notion.values import shown
from gatelodge.toolpacks.pack import PackResult
from gatelodge.toolpacks.text import DATE, WEB, Texts, identifier

__all__ = [
    "ID",
    "CreatedPage",
    "Item",
    "ItemPage",
    "PageText",
    "Property",
    "Row",
    "RowPage",
    "cursor_of",
    "item",
    "row",
]

ID = r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
_CURSOR = r"[\x21-\x7e]{1,1000}"


class Item(BaseModel):
    """A page or a data source."""

    id: str = Field(description="Give it to the next Notion tool unchanged: as page, or as data_source")
    kind: Literal["page", "data_source", "other"]
    title: str = Field(description="Marked text")
    parent: str = Field(description="Id of the page, database or data source it is in; empty at the top")
    last_edited_at: str
    in_trash: bool
    url: str


class ItemPage(PackResult):
    """One page of a search or a list."""

    results: list[Item]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


class PageText(PackResult):
    """A Notion page, or the next part of it."""

    page: Item
    markdown: str = Field(description="The content, or a part of it; marked text")
    next_cursor: str | None = Field(description="Give it as cursor for the next part; null on the last")
    incomplete: bool = Field(description="Notion left something out, such as blocks that are not shared")


class CreatedPage(PackResult):
    """The page that was made."""

    page: Item
    incomplete: bool = Field(description="The page is there without the end of its content; do not make it again")
    missing: str = Field(description="What of the content is not in it for sure, and why; empty when all is")


class Property(BaseModel):
    """One property of a row."""

    name: str = Field(description="Marked text")
    kind: str = Field(description="Notion's type of property, such as select")
    value: str = Field(description="As text; marked text")


class Row(BaseModel):
    """One row of a data source; it is a page too."""

    page: Item
    properties: list[Property]


class RowPage(PackResult):
    """One page of rows."""

    rows: list[Row]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


def item(found: Mapping[str, Any], texts: Texts) -> Item:
    """A page or a data source."""
    kind = found.get("object")
    parent = member(found, "parent")
    inside = next((identifier(member(parent, name), ID) for name in _PARENTS if member(parent, name)), "")
    return Item(
        id=identifier(found.get("id"), ID),
        kind="page" if kind == "page" else "data_source" if kind == "data_source" else "other",
        title=texts.line(_title(found)),
        parent=inside,
        last_edited_at=identifier(found.get("last_edited_time"), DATE),
        in_trash=flag(found, "in_trash") or flag(found, "archived"),
        url=identifier(found.get("url"), WEB),
    )


def row(found: Mapping[str, Any], texts: Texts) -> Row:
    """One row, its title aside."""
    properties = found.get("properties")
    listed = list(properties.items())[:50] if isinstance(properties, Mapping) else []
    return Row(
        page=item(found, texts),
        properties=[
            Property(
                name=texts.line(name, 100),
                kind=identifier(member(value, "type"), r"[a-z_]{1,40}"),
                value=texts.line(shown(value), 1000),
            )
            for name, value in listed
            if member(value, "type") != "title"
        ],
    )


def cursor_of(found: Any) -> str | None:
    """The cursor of the next page."""
    more = member(found, "has_more") is True
    return (identifier(member(found, "next_cursor"), _CURSOR) or None) if more else None


_PARENTS = ("page_id", "data_source_id", "database_id", "block_id")


def _title(found: Mapping[str, Any]) -> str:
    properties = found.get("properties")
    for value in properties.values() if isinstance(properties, Mapping) else ():
        if member(value, "type") == "title":
            return shown(value)
    return "".join(str(entry.get("plain_text", "")) for entry in records(found, "title"))
