"""The outermost edge of a server process: what nobody foresaw is one log line and one constant answer.

Invariant: a stranger learns nothing of it but the request id, by which the operator finds the line with the traceback.
Not here: errors that were raised on purpose; each edge that knows them answers them.
"""

import logging
from collections.abc import Awaitable

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.app.answers import problem_answer
from gatelodge.core.codes import Code

__all__ = ["Edge", "failed_route", "refused_route"]

logger = logging.getLogger(__name__)

# Of a path, in a line: the whole may be as long as a request's head.
_LONGEST = 200
_CODES = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}


class Edge:
    """ASGI middleware; an answer that has begun cannot be taken back, so its error goes on and ends the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = False

        # No coroutine of its own: it runs for each part of a stream.
        def noted(message: Message) -> Awaitable[None]:
            nonlocal begun, ended
            begun = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            return send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            logger.info("%s %s given up by the client", scope["method"], scope["path"][:_LONGEST])
        except Exception:  # the outermost edge of a request: whatever it is, the client gets an answer
            if begun and not ended:
                # The server that runs us logs it, and cuts the connection.
                raise
            path = scope["path"][:_LONGEST]
            logger.exception("%s %s failed, which nobody foresaw", scope["method"], path)
            if not begun:
                await problem_answer(Code.INTERNAL_ERROR)(scope, receive, send)


async def failed_route(_: Request, __: Exception) -> Response:
    """The same answer, for an application behind ours that answers its own failures; ``Edge`` writes the line."""
    return problem_answer(Code.INTERNAL_ERROR)


async def refused_route(_: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405 in our form; one that says more of itself is an author's, and keeps its words."""
    if not isinstance(error, HTTPException):
        raise error
    code = _CODES[error.status_code]
    usual = HTTPException(error.status_code)
    if error.detail != usual.detail:
        return Response(error.detail, error.status_code, error.headers, "text/plain")
    return problem_answer(code, error.headers)
