"""One server's cost of a call without sockets, or its profile: ``python benchmarks/in_process.py NAME [--profile 40]``.

Steadier than load over HTTP, so it is what to look at while changing code; the figures that count are those of ``run``.
"""

import argparse
import asyncio
import contextlib
import cProfile
import gc
import pstats
import statistics
import time
from collections.abc import AsyncIterator
from typing import Any

import uvloop
from messages import ERAS, request_of
from peers import issuer
from servers import SCOPE, SERVERS, application
from starlette.types import ASGIApp, Message

PORT = 8000
BATCH = 200


async def main(options: argparse.Namespace) -> None:
    """Print microseconds a call, the median over batches, for each era."""
    with issuer() as tokens:
        app = application(options.server, PORT, tokens.issuer)
        token = tokens.token(aud=f"http://127.0.0.1:{PORT}/mcp", scope=SCOPE)
        async with _running(app):
            if options.freeze:
                gc.collect()
                gc.freeze()
            for era in options.eras:
                body, headers = request_of(era, token=token)
                scope = _scope(headers)
                await _batch(app, scope, body)
                if options.profile:
                    profile = cProfile.Profile()
                    profile.enable()
                times = [await _batch(app, scope, body) for _ in range(options.batches)]
                print(f"{options.server} {era}: {statistics.median(times):.0f} us, best {min(times):.0f} us")
                if options.profile:
                    profile.disable()
                    pstats.Stats(profile).sort_stats(options.sort).print_stats(options.profile)


async def _batch(app: ASGIApp, scope: dict[str, Any], body: bytes) -> float:
    """Microseconds of processor time a call: other processes on the machine do not count."""
    began = time.process_time()
    for _ in range(BATCH):
        await call(app, scope, body)
    return (time.process_time() - began) / BATCH * 1e6


async def call(app: ASGIApp, scope: dict[str, Any], body: bytes) -> list[Message]:
    """One request through the application. Raises: RuntimeError for any answer but 200."""
    sent: list[Message] = []
    done = asyncio.Event()
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if pending:
            return pending.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    # A task for each request, as uvicorn makes one.
    await asyncio.create_task(_run(app, {**scope, "state": {}}, receive, send))
    if sent[0]["status"] != 200:
        raise RuntimeError(str(sent))
    return sent


async def _run(app: ASGIApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    await app(scope, receive, send)


@contextlib.asynccontextmanager
async def _running(app: Any) -> AsyncIterator[None]:
    async with app.router.lifespan_context(app):
        yield


def _scope(headers: dict[str, str]) -> dict[str, Any]:
    headers = {"host": f"127.0.0.1:{PORT}", **headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", PORT),
        "client": ("127.0.0.1", 50000),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("--eras", nargs="+", choices=ERAS, default=list(ERAS))
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--freeze", action="store_true", help="keep what start-up made out of garbage collection")
    parser.add_argument("--profile", type=int, default=0, metavar="LINES")
    parser.add_argument("--sort", default="tottime")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main(_options()))
