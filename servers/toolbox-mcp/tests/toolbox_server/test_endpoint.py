"""One model endpoint: how long it may take, and what of its words is handed on."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastmcp.exceptions import ToolError

from gatelodge.core.secret import Secret
from toolbox.endpoint import Endpoint

_KEY = "canary of an endpoint"


class Dripping(httpx2.AsyncByteStream):
    """An answer whose parts come without an end, each of them in time."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b" "


def endpoint(answer: httpx2.Response, seconds: float) -> Endpoint:
    async def give(_: httpx2.Request) -> httpx2.Response:
        return answer

    transport = httpx2.MockTransport(give)
    return Endpoint(
        "The model", "https://model.example", Secret(_KEY), seconds=seconds, max_bytes=1 << 30, transport=transport
    )


async def test_an_answer_that_never_ends_is_given_up_in_time() -> None:
    asked = endpoint(httpx2.Response(200, stream=Dripping()), 0.1)
    async with asyncio.timeout(60):
        with pytest.raises(ToolError, match="gave no usable answer"):
            await asked.post("/chat/completions", {})
    await asked.aclose()


@pytest.mark.parametrize("text", [f"no such model for {_KEY}", "bad key: sk-canarycanarycanary", "api_key=canary"])
async def test_a_key_that_the_endpoint_repeats_is_not_handed_on(text: str) -> None:
    asked = endpoint(httpx2.Response(400, json={"error": {"message": text}}), 10)
    with pytest.raises(ToolError, match=r"It says: .*\*\*\*") as caught:
        await asked.post("/chat/completions", {})
    assert "canary" not in str(caught.value)
    await asked.aclose()
