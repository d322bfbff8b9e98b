"""A plain Starlette application behind ``auth_middleware``, as the guide shows it, and with rules of several kinds."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from gatelodge import GatelodgeError, current_principal, public, requires

__all__ = ["plain_app"]


async def whoami(request: Request) -> Response:
    caller = current_principal()
    assert caller is not None
    assert caller is request.state.principal
    return JSONResponse({"subject": caller.subject, "scopes": sorted(caller.scopes)})


@requires("notes:write")
async def write(_: Request) -> Response:
    return JSONResponse({"written": True})


@requires("notes:read", roles=["admin"])
async def purge(_: Request) -> Response:
    return JSONResponse({"purged": True})


@public
async def about(request: Request) -> Response:
    return JSONResponse({"known": request.state.principal is not None})


async def account(request: Request) -> Response:
    token = await request.state.tokens.access("github")
    return JSONResponse({"account": token.account_id})


def plain_app() -> Starlette:
    """Routes without a rule, with scopes, with a role, public and below a mount."""
    return Starlette(
        routes=[
            Route("/whoami", whoami),
            Route("/notes", write, methods=["POST"]),
            Route("/about", about),
            Route("/account", account),
            Mount("/admin", routes=[Route("/purge", purge, methods=["POST"])]),
        ],
        exception_handlers={GatelodgeError: told},
    )


async def told(_: Request, error: Exception) -> Response:
    """The error's own status and code, which is how the guide shows it."""
    assert isinstance(error, GatelodgeError)
    return JSONResponse({"code": error.code.value, "text": error.public}, error.status)
