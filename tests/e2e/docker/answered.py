"""What came of one request to a deployment: its status, what it gave, and what was wrong about it.

Not here: which requests, how often, and what may fail when (``load``, ``traffic``, the tests).
"""

from typing import Any, NamedTuple

import httpx2
from wire import answer_of, call

__all__ = ["Told", "tool_call", "words"]


class Told(NamedTuple):
    """``status`` is 0 without an answer, ``result`` the tool's, ``wrong`` empty when it is a good one."""

    status: int
    result: dict[str, Any]
    wrong: str


async def tool_call(client: httpx2.AsyncClient, url: str, token: str, era: str, **params: Any) -> Told:
    """One tool call."""
    try:
        answer = await call(client, url, "tools/call", params, token=token, era=era)
    except httpx2.TransportError as error:
        return Told(0, {}, f"{type(error).__name__}: {error}")
    if answer.status_code != 200:
        return Told(answer.status_code, {}, words(answer))
    try:
        message = answer_of(answer)
    except (IndexError, ValueError):
        return Told(200, {}, f"no whole answer: {answer.text[:200]!r}")
    found: dict[str, Any] = message.get("result", {})
    return Told(200, found, "" if "result" in message and not found.get("isError") else str(message)[:200])


def words(answer: httpx2.Response) -> str:
    """What a refusal says."""
    return answer.text.strip()[:200] or "no words"
