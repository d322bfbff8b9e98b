"""An in-process transport that passes an answer on while it is made; httpx2's own waits for its end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from starlette.types import ASGIApp, Message


class StreamingTransport(httpx2.AsyncBaseTransport):
    """Every request to ``app``; one that is left early ends as a client that went away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        sent: asyncio.Queue[Message | None] = asyncio.Queue()
        gone, body = asyncio.Event(), [await request.aread()]

        async def receive() -> Message:
            if body:
                return {"type": "http.request", "body": body.pop(), "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.put_nowait(message)

        async def run() -> None:
            try:
                await self._app(_scope(request), receive, send)
            finally:
                sent.put_nowait(None)

        task = asyncio.create_task(run())
        start = await sent.get()
        if start is None:
            await task
            raise httpx2.RemoteProtocolError("no answer was made", request=request)
        return httpx2.Response(start["status"], headers=start["headers"], stream=_Body(sent, gone, task))


class _Body(httpx2.AsyncByteStream):
    def __init__(self, sent: "asyncio.Queue[Message | None]", gone: asyncio.Event, task: "asyncio.Task[None]") -> None:
        self._sent = sent
        self._gone = gone
        self._task = task

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._sent.get()) is not None:
            if part := message.get("body", b""):
                yield part
            if not message.get("more_body", False):
                break

    async def aclose(self) -> None:
        self._gone.set()
        _, running = await asyncio.wait({self._task}, timeout=2)
        for task in running:
            task.cancel()
            await asyncio.wait({task})


def _scope(request: httpx2.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
