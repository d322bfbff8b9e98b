"""``securitySchemes`` on the tools of a list (OpenAI, plugins/build/auth), where the protocol's own model has no place.

The SDK's models drop members they do not know, so the bridge writes the schemes into each tool's ``_meta``, and here
they are repeated one level up, in the bytes on their way out. Answers to ``tools/list`` are small and rare next to
calls; nothing is held back, and what is not understood passes as it is.
"""

import json
from typing import Any

from starlette.types import Message, Send

__all__ = ["with_security_schemes"]

_MARK, _DATA = b'"securitySchemes"', b"data: "


def with_security_schemes(send: Send) -> Send:
    """A send for one answer to ``tools/list``, as JSON or as an SSE stream."""
    held: list[Message] = []

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            # Its length is known once the first part of the body is.
            held.append(message)
            return
        part: bytes = message.get("body", b"")
        whole = _event(part) if part.startswith((b"event:", b"data:", b"id:")) else _raised(part)
        if held:
            start = held.pop()
            await send({**start, "headers": _resized(start["headers"], len(whole) - len(part))})
        await send({**message, "body": whole})

    return told


def _event(part: bytes) -> bytes:
    lines = part.splitlines(keepends=True)
    return b"".join(
        _DATA + _raised(line[len(_DATA) :].rstrip()) + line[len(line.rstrip()) :] if line.startswith(_DATA) else line
        for line in lines
    )


def _raised(message: bytes) -> bytes:
    """The JSON-RPC message with each tool's schemes at the tool's top level too."""
    if _MARK not in message:
        return message
    try:
        answer: dict[str, Any] = json.loads(message)
        tools = answer["result"]["tools"]
        for tool in tools:
            if "securitySchemes" in tool.get("_meta", {}):
                tool["securitySchemes"] = tool["_meta"]["securitySchemes"]
    except (ValueError, KeyError, TypeError, AttributeError):
        # A part of a message only: clients still find the schemes in `_meta`.
        return message
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def _resized(headers: list[tuple[bytes, bytes]], more: int) -> list[tuple[bytes, bytes]]:
    return [
        (name, str(int(value) + more).encode() if name.lower() == b"content-length" else value)
        for name, value in headers
    ]
