"""The server: ``search`` and ``fetch`` as deep research wants them, ``save_note``, and pages for a public library.

Not here: the shape of the answers (``contract``), ranking (``index``), who the caller is (gatelodge).
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

from anyio import to_thread
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from gatelodge import Principal, current_principal, public, requires
from sample.contract import Fetched, Found, SearchResults, fetched, found
from sample.library import Library
from sample.notes import NotebookFull, owner_key
from sample.pages import respond

__all__ = ["create_server"]

_READS = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
_WRITES = {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False, "openWorldHint": False}
_INSTRUCTIONS = (
    "A library of documents, and the signed-in user's own notes. Search with plain words, then fetch a result by its "
    "id to read it. A long document comes in parts: fetch metadata.next_id for the next one. Cite the url where there "
    "is one. save_note keeps a note that only this user can find."
)
Query = Annotated[str, Field(description="Plain words or a question", max_length=1_000)]
Id = Annotated[str, Field(description="An id from a search result or from metadata.next_id", max_length=100)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100_000)]


def create_server(
    library: Library, page_path: str | None = None, caller: Callable[[], Principal | None] = current_principal
) -> FastMCP:
    """The server of a library. With a ``page_path`` (``/d/``) every document has a page that anyone may open."""
    mcp = FastMCP("deep-research", _INSTRUCTIONS, version=version("sample-deep-research-mcp"))

    def owner() -> str:
        principal = caller()
        if principal is None:  # cannot happen behind @requires
            raise ToolError("Sign in first.")
        return owner_key(principal.issuer, principal.subject)

    # Plain functions: FastMCP runs them in threads, so no search keeps another client waiting.
    @mcp.tool(title="Search", annotations=_READS)
    @requires("deep-research:read")
    def search(query: Query) -> SearchResults:
        """Search the documents and your notes. Gives at most ten results, best first; fetch one by its id."""
        return found(library.search(query, owner()))

    @mcp.tool(title="Fetch", annotations=_READS)
    @requires("deep-research:read")
    def fetch(id: Id) -> Fetched:  # noqa: A002 - the contract's name
        """Read a document by its id. A long one comes in parts: metadata.next_id, if given, fetches the next."""
        document = library.fetch(id.partition("~")[0], owner())
        part = fetched(document, id) if document else None
        if part is None:
            raise ToolError("There is no document with this id. Use an id from a search result.")
        return part

    @mcp.tool(title="Save note", annotations=_WRITES)
    @requires("deep-research:write")
    def save_note(title: Title, text: Text) -> Found:
        """Keep a note of yours. Only your own searches find it; fetch it by the id that this gives."""
        try:
            return found([library.save_note(owner(), title, text)]).results[0]
        except NotebookFull as error:
            raise ToolError(str(error)) from error

    if page_path:

        @mcp.custom_route(page_path + "{id}", methods=["GET"])
        @public
        async def page(request: Request) -> Response:
            return await to_thread.run_sync(lambda: respond(library.public_document(request.path_params["id"])))

    return mcp
