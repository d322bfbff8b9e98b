"""Checks of ``search`` and ``fetch``, the tools of deep research (checklist F22; OpenAI, api/docs/mcp)."""

from typing import Any
from urllib.parse import urlsplit

from gatelodge.ops.verify.check import Check, Outcome, check, failed, passed, unseen
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.speaking import search_then_fetch, tool_named

__all__ = ["CHECKS"]

_SHAPES = {"search": "query", "fetch": "id"}


async def _shape(session: Session, name: str) -> Outcome:
    schema: Any = (await tool_named(session, name)).get("inputSchema") or {}
    properties, wanted = schema.get("properties") or {}, _SHAPES[name]
    if list(properties) != [wanted] or properties[wanted].get("type") != "string":
        return failed(f"the input is {', '.join(properties) or 'empty'}, not one string {wanted!r}")
    if schema.get("required") != [wanted]:
        return failed(f"required is {schema.get('required')}")
    return passed(f"{{{wanted}: string}}")


_SHAPE_SOURCE = "OpenAI, api/docs/mcp: company knowledge checks the input schemas"


@check(
    "F22-search",
    "search takes exactly one string, query",
    source=_SHAPE_SOURCE,
    fix="Rename the parameter, and take the others out.",
    clients=("chatgpt",),
)
async def search(session: Session) -> Outcome:
    return await _shape(session, "search")


@check(
    "F22-fetch",
    "fetch takes exactly one string, id",
    source=_SHAPE_SOURCE,
    fix="Rename the parameter, and take the others out.",
    clients=("chatgpt",),
)
async def fetch(session: Session) -> Outcome:
    return await _shape(session, "fetch")


@check(
    "F22-round-trip",
    "fetch gives the document of an id that search found, in the documented shape",
    source="OpenAI, api/docs/mcp",
    fix="Return {id, title, text, url} as strings for every id of a search; metadata maps strings to strings.",
)
async def round_trip(session: Session) -> Outcome:
    found, fetched = await search_then_fetch(session)
    if fetched is None:
        return unseen(f"search found nothing for {session.target.query!r}: --query ({found.reply.says()})")
    document = fetched.structured if isinstance(fetched.structured, dict) else {}
    wrong = [name for name in ("id", "title", "text", "url") if not isinstance(document.get(name), str)]
    if wrong:
        return failed(f"fetch: {', '.join(wrong)} missing or no string")
    asked = found.structured["results"][0]["id"]
    if document["id"] != asked:
        return failed(f"asked for {asked!r}, got {document['id']!r}")
    notes = document.get("metadata")
    if notes is not None and not (isinstance(notes, dict) and all(isinstance(one, str) for one in notes.values())):
        return failed("metadata is no map of strings")
    return passed(f"{len(document['text'])} characters of {document['title']!r}")


@check(
    "F22-url",
    "Result addresses are absolute http(s) addresses, or empty",
    source="OpenAI, api/docs/mcp (citations)",
    fix='Return an address that the user can open, or "".',
)
async def urls(session: Session) -> Outcome:
    found, fetched = await search_then_fetch(session)
    content = found.structured if isinstance(found.structured, dict) else {}
    results = content.get("results")
    documents = [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []
    documents += [fetched.structured] if fetched is not None and isinstance(fetched.structured, dict) else []
    bad = [one.get("url") for one in documents if not _openable(one.get("url"))]
    if not documents:
        return unseen(f"search found nothing for {session.target.query!r}: --query")
    return failed(f"{bad[:3]}") if bad else passed(f"{len(documents)} addresses")


def _openable(url: Any) -> bool:
    parts = urlsplit(url) if isinstance(url, str) else None
    return parts is not None and (url == "" or (parts.scheme in {"http", "https"} and bool(parts.netloc)))


CHECKS: tuple[Check, ...] = (
    search,
    fetch,
    round_trip,
    urls,
)
