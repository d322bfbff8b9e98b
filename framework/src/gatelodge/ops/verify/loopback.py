"""One HTTP request on a listener of this machine, read and answered; the connection then closes (RFC 9112).

Invariant: headers are skipped, bodies are not read, a slow or broken connection ends after five seconds.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["LINE_LIMIT", "LocalAnswer", "serve_one"]

LINE_LIMIT = 16 * 1024
_SECONDS = 5


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """What a GET gets. ``cache``: its Cache-Control."""

    body: str
    kind: str
    cache: str = "no-store"


async def serve_one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Callable[[str], LocalAnswer | None]
) -> None:
    """Answer the request's target by ``answer``; None is 404."""
    try:
        async with asyncio.timeout(_SECONDS):
            method, target, _ = (await reader.readline()).decode("ascii", "replace").split(" ", 2)
            while (await reader.readline()).strip():
                pass
        found = answer(target) if method == "GET" else None
        status, shown = ("200 OK", found) if found else ("404 Not Found", LocalAnswer("", "text/plain"))
        body = shown.body.encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: {shown.kind}\r\ncache-control: {shown.cache}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
    except (OSError, ValueError, TimeoutError):
        pass  # a broken or slow connection is nobody's request
    finally:
        writer.close()
