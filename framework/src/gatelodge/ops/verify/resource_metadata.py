"""Checks of the protected resource's metadata (checklist A3; RFC 9728)."""

from gatelodge.core.urls import origin_of, path_of
from gatelodge.ops.verify.check import Check, Outcome, check, failed, passed, skipped
from gatelodge.ops.verify.finding import resource, resource_forms
from gatelodge.ops.verify.session import Session

__all__ = ["CHECKS"]


@check(
    "A3-document",
    "The resource metadata can be found",
    source="RFC 9728, section 3; reported at kernel/kernel-mcp-server PR 91",
    fix="Serve the metadata as application/json at the URL of the challenge and at the well-known URLs.",
)
async def document(session: Session) -> Outcome:
    found = await resource(session)
    reply = await session.wire.get(found.url)
    if reply.media_type != "application/json":
        return failed(f"{found.url} is served as {reply.media_type or 'nothing'}, not application/json")
    return passed(found.url)


async def _form(session: Session, form: str) -> Outcome:
    found, url = await resource(session), resource_forms(session.url)[form]
    reply = await session.wire.get(url)
    if reply.status != 200:
        return failed(f"{url}: {reply.says()}")
    if reply.json() != found.document:
        return failed(f"{url} serves another document than {found.url}")
    return passed(f"{url} serves the same document")


@check(
    "A3-path",
    "The resource metadata is at the well-known URL with the path inserted",
    source="RFC 9728, section 3.1; MCP authorization 2026-07-28 (clients try it second)",
    fix="Serve the document at /.well-known/oauth-protected-resource followed by the MCP path.",
)
async def path_form(session: Session) -> Outcome:
    return await _form(session, "path")


@check(
    "A3-root",
    "The resource metadata is at the root form too, with the same body",
    source="Reported at kernel/kernel-mcp-server PR 91: 'does not implement OAuth' (ChatGPT asks the root form with the path stripped)",
    fix="Serve the same document at /.well-known/oauth-protected-resource.",
    clients=("chatgpt",),
)
async def root_form(session: Session) -> Outcome:
    root = resource_forms(session.url)["root"]
    reply = await session.wire.get(root)
    document = reply.json() if reply.status == 200 else None
    owner = document.get("resource") if isinstance(document, dict) else None
    if isinstance(owner, str) and owner != session.url and origin_of(owner) == origin_of(session.url):
        # A server that serves this very document at its own path is one; anything else is a wrong document.
        own = await session.wire.get(resource_forms(owner)["path"])
        if path_of(owner).strip("/") and own.status == 200 and own.json() == document:
            return skipped(f"{root} is that of another server of this origin, {owner}")
    return await _form(session, "root")


@check(
    "A3-resource",
    "`resource` is exactly the URL that the user types",
    source="RFC 9728, section 3.3; Anthropic, connectors/building/authentication; reported at stormkit#363",
    fix="Configure the public MCP URL with its path, without a trailing slash, and serve it as `resource`.",
)
async def exact_resource(session: Session) -> Outcome:
    named = (await resource(session)).document["resource"]
    return passed(named) if named == session.url else failed(f"{named!r}, but {session.url!r} was typed")


CHECKS: tuple[Check, ...] = (document, path_form, root_form, exact_resource)
