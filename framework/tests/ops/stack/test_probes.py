"""Readiness is a real answer."""

import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gatelodge.ops.stack.probes import all_of, answers
from gatelodge.outbound.client import Outbound


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    client = Outbound(timeout=60)
    yield client
    await client.aclose()


async def test_a_200_is_ready_and_anything_else_is_not(outbound: Outbound, backend: Callable[[str], Any]) -> None:
    server = backend("part")
    probe = answers(outbound, f"http://127.0.0.1:{server.port}/health/ready")
    assert await probe() is True
    server.ready = False
    assert await probe() is False
    server.close()
    assert await probe() is False


async def test_a_port_nobody_listens_on_is_not_ready(outbound: Outbound) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await answers(outbound, f"http://127.0.0.1:{port}/")() is False


async def test_several_probes_are_ready_when_all_are() -> None:
    asked: list[str] = []

    def saying(name: str, ready: bool) -> Any:
        async def probe() -> bool:
            asked.append(name)
            return ready

        return probe

    assert await all_of(saying("a", True), saying("b", True))() is True
    assert await all_of(saying("c", False), saying("d", True))() is False
    assert asked == ["a", "b", "c"]
