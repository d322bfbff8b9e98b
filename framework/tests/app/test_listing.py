"""``securitySchemes`` at the top level of listed tools, in both eras and both forms of the answer."""

import json
from typing import Any

import pytest
from fastmcp import FastMCP
from protected import Serve, mixed_server, private_server, result_of
from starlette.types import Message

from gatelodge import requires
from gatelodge.app.listing import with_security_schemes

LIST = b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","_meta":{"securitySchemes":[{"type":"noauth"}]}}]}}'


async def passed(*parts: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    told = with_security_schemes(send)
    await told({"type": "http.response.start", "status": 200, "headers": headers or []})
    for number, part in enumerate(parts, 1):
        await told({"type": "http.response.body", "body": part, "more_body": number < len(parts)})
    return sent


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_the_schemes_stand_at_the_top_level_and_in_meta(serve: Serve, era: str) -> None:
    for mcp in (private_server(), mixed_server()):
        served = await serve(mcp)
        headers = served.bearer("notes:read")
        if era == "modern":
            response = await served.rpc("tools/list", headers=headers)
        else:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            accept = {"accept": "application/json, text/event-stream"}
            response = await served.http.post("/mcp", json=body, headers=headers | accept)
        tools = result_of(response)["result"]["tools"]
        assert tools
        for tool in tools:
            assert tool["securitySchemes"] == tool["_meta"]["securitySchemes"]
            assert {"name", "inputSchema"} <= set(tool)
        if "content-length" in response.headers:
            assert int(response.headers["content-length"]) == len(response.content)


async def test_what_an_author_writes_in_a_tool_stays_as_it_is(serve: Serve) -> None:
    mcp: FastMCP[Any] = FastMCP("odd")
    text = 'Größe "securitySchemes" \r\n data: \u2028 {"result":{"tools":[]}}'
    mcp.tool(requires("notes:read")(lambda: "x"), name="odd", description=text, meta={"own": [1, {"a": "b"}]})
    served = await serve(mcp)
    (tool,) = result_of(await served.rpc("tools/list", headers=served.bearer("notes:read")))["result"]["tools"]
    assert tool["description"] == text
    assert tool["_meta"]["own"] == [1, {"a": "b"}]


async def test_the_length_follows_the_body() -> None:
    start, body = await passed(LIST, headers=[(b"content-type", b"x"), (b"Content-Length", str(len(LIST)).encode())])
    assert dict(start["headers"])[b"Content-Length"] == str(len(body["body"])).encode()
    assert len(body["body"]) > len(LIST)


async def test_events_are_passed_on_one_by_one() -> None:
    ping, event = b": ping\r\n\r\n", b"event: message\r\ndata: " + LIST + b"\r\n\r\n"
    sent = await passed(ping, event, b"")
    assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * 3]
    assert sent[1]["body"] == ping
    data = sent[2]["body"].split(b"data: ")[1]
    assert data.endswith(b"\r\n\r\n")
    assert json.loads(data)["result"]["tools"][0]["securitySchemes"] == [{"type": "noauth"}]
    assert [message["more_body"] for message in sent[1:]] == [True, True, False]


@pytest.mark.parametrize(
    "part",
    [
        LIST[:60],
        LIST[:-1],
        b'"securitySchemes"',
        b'["securitySchemes"]',
        b'{"error":"securitySchemes","securitySchemes":1}',
        b'{"result":{"tools":7,"securitySchemes":1}}',
        b'{"result":{"tools":[7],"securitySchemes":1}}',
        b'{"result":{"tools":[{"_meta":null,"securitySchemes":1}]}}',
    ],
)
async def test_what_is_not_understood_passes_unchanged(part: bytes) -> None:
    assert (await passed(part))[1]["body"] == part


async def test_a_tool_without_schemes_stays_without() -> None:
    body = b'{"result":{"tools":[{"name":"a"},{"name":"b","_meta":{"securitySchemes":[]}}]}}'
    tools = json.loads((await passed(body))[1]["body"])["result"]["tools"]
    assert ["securitySchemes" in tool for tool in tools] == [False, True]
