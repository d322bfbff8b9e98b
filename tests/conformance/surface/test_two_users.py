"""Two users at once on one server: no byte of one reaches the other.

``GATELODGE_INTERLEAVED`` sets how many calls, of both eras together.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from results import record
from surface import Surface, call, surface

from gatelodge.app.slow_clients import Limits

CALLS = int(os.environ.get("GATELODGE_INTERLEAVED", "2000"))
COMMAND = f"GATELODGE_INTERLEAVED={CALLS} .venv/bin/pytest tests/conformance/surface/test_two_users.py"
_USERS = ("alice", "mallory")
_CONNECTIONS = 4


@pytest.fixture(scope="module")
def served() -> Iterator[Surface]:
    with surface(Limits()) as running:
        yield running


@dataclass
class Crossing:
    """Answers that held another's bytes, and answers without one's own."""

    calls: int = 0
    crossed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """One whole answer of a connection that is kept."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    if length is not None:
        return head + await reader.readexactly(int(length[1]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return head + body


def _said(answer: str) -> dict[str, str]:
    """The tool's structured result."""
    message = json.loads(answer[answer.index('{"jsonrpc"') :].splitlines()[0])
    said: dict[str, str] = message.get("result", {}).get("structuredContent", {})
    return said


async def _talk(served: Surface, user: str, other: str, rounds: range, found: Crossing, *, modern: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    bearer = served.bearer(user)
    try:
        for number in rounds:
            canary = f"canary-{user}-{number}"
            # Both users use the same JSON-RPC ids.
            writer.write(call(bearer, "whoami", {"canary": canary}, modern=modern, number=number))
            answer = (await _answer(reader)).decode()
            found.calls += 1
            if other in answer:
                found.crossed.append(answer[-300:])
            elif f'"id":{number},' not in answer or _said(answer) != {"subject": user, "canary": canary}:
                found.wrong.append(answer[-300:])
    finally:
        writer.transport.abort()


@pytest.mark.requirement("MCP26-AUTH-15", "MCP25-AUTH-15a")
@pytest.mark.parametrize("modern", [True, False])
async def test_no_byte_of_one_user_reaches_another(served: Surface, modern: bool) -> None:
    found = await _interleaved(served, CALLS // 2, modern=modern)
    record(
        13,
        f"two-users-{'2026' if modern else '2025'}",
        tried=found.calls,
        passed=found.calls - len(found.crossed) - len(found.wrong),
        figure=f"{len(found.crossed)} crossed of {found.calls} interleaved calls of two users on "
        f"{2 * _CONNECTIONS} connections, same ids",
        command=COMMAND,
        negative_control="test_a_server_that_remembers_its_last_caller_is_noticed",
    )
    assert found.crossed == found.wrong == []
    assert found.calls == CALLS // 2


async def _interleaved(served: Surface, calls: int, *, modern: bool) -> Crossing:
    found, each = Crossing(), calls // (2 * _CONNECTIONS)
    talks = [
        _talk(served, user, other, range(line * each, (line + 1) * each), found, modern=modern)
        for user, other in (_USERS, _USERS[::-1])
        for line in range(_CONNECTIONS)
    ]
    await asyncio.gather(*talks)
    return found


async def test_a_server_that_remembers_its_last_caller_is_noticed(
    served: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the caller kept for the whole process and not for the request."""
    last: dict[str, object] = {}

    class Shared:
        def get(self) -> object:
            return last.get("principal")

        def set(self, value: object) -> None:
            last["principal"] = value

        def reset(self, _: object) -> None:
            """Nothing to go back to."""

    monkeypatch.setattr("gatelodge.app.gate.PRINCIPAL", Shared())
    monkeypatch.setattr("gatelodge.app.context.PRINCIPAL", Shared())
    monkeypatch.setattr("gatelodge.app.bridge.middleware.PRINCIPAL", Shared())
    found = await _interleaved(served, 400, modern=True)
    assert found.crossed
