"""What the SDK refuses, in the form of every other error; its status and its JSON-RPC codes stay."""

import json
from typing import Any

import pytest
from protected import Serve, private_server, result_of

from gatelodge.app.bridge.protocol_errors import in_our_form, with_our_errors
from gatelodge.core.codes import Code
from gatelodge.observability.metrics import REGISTRY

JSON, BOTH = "application/json", "application/json, text/event-stream"
LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}


def counted(code: Code) -> float:
    return REGISTRY.get_sample_value("gatelodge_errors_total", {"code": code.value}) or 0.0


@pytest.mark.parametrize(
    ("method", "headers", "message", "expected"),
    [
        ("POST", {"content-type": "text/plain", "accept": BOTH}, LIST, (400, -32600, Code.PROTOCOL_REFUSED)),
        ("POST", {"content-type": JSON, "accept": "text/html"}, LIST, (406, -32600, Code.PROTOCOL_REFUSED)),
        (
            "POST",
            {"content-type": JSON, "accept": BOTH, "mcp-protocol-version": "1999-01-01"},
            LIST,
            (400, -32602, Code.PROTOCOL_REFUSED),
        ),
        (
            "POST",
            {"content-type": JSON, "accept": BOTH},
            {**LIST, "method": "foo/bar"},
            (200, -32601, Code.PROTOCOL_REFUSED),
        ),
        (
            "POST",
            {"content-type": JSON, "accept": BOTH},
            {**LIST, "method": "resources/read", "params": {"uri": "notes://none"}},
            (200, -32602, Code.NOT_FOUND),
        ),
        ("DELETE", {}, None, (405, -32600, Code.METHOD_NOT_ALLOWED)),
    ],
)
async def test_what_the_sdk_refuses_has_a_code_a_hint_and_the_request_id_and_is_counted_once(
    serve: Serve, method: str, headers: dict[str, str], message: Any, expected: tuple[int, int, Code]
) -> None:
    status, rpc, code = expected
    served, before = await serve(private_server()), counted(code)
    body = b"" if message is None else json.dumps(message).encode()
    answer = await served.http.request(method, "/mcp", content=body, headers=headers | served.bearer("notes:read"))
    assert answer.status_code == status
    if status >= 400:
        assert answer.headers["content-type"] == JSON
    error = result_of(answer)["error"] if status == 200 else answer.json()["error"]
    assert error["code"] == rpc
    data = error["data"]
    assert (data["code"], data["request_id"]) == (code.value, answer.headers["x-request-id"])
    assert data["hint"] == code.meaning.hint
    assert data["status"] == (status if status >= 400 else code.meaning.status)
    assert counted(code) - before == 1


def test_what_mcp_asks_for_in_data_stays() -> None:
    data = {"supported": ["2026-07-28"], "requested": "2099-01-01"}
    told = in_our_form({"code": -32022, "message": "Unsupported protocol version", "data": data}, 400)
    assert (told["code"], told["message"]) == (-32022, "Unsupported protocol version")
    assert told["data"].items() >= data.items()
    assert told["data"]["code"] == "protocol_refused"


@pytest.mark.parametrize("rpc", [0, -32603])
def test_the_text_of_an_internal_error_that_is_none_of_ours_is_not_told(rpc: int) -> None:
    told = in_our_form({"code": rpc, "message": "password=canary", "data": "canary"})
    assert "canary" not in json.dumps(told)
    assert (told["code"], told["data"]["code"]) == (-32603, "internal_error")


def test_an_error_that_has_our_form_keeps_its_code_and_a_foreign_one_makes_no_figure() -> None:
    ours = in_our_form({"code": -32010, "message": "m"}, 400)
    assert (
        in_our_form({**ours, "data": {**ours["data"], "code": "limit_reached"}}, 400)["data"]["code"] == "limit_reached"
    )
    foreign = in_our_form({"code": -32010, "message": "m", "data": {"code": "canary", "hint": "h"}})
    assert foreign["data"]["code"] == "protocol_refused"


async def sent(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        out.append(message)

    told = with_our_errors(send)
    for message in messages:
        await told(message)
    return out


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b'{"result":{"text":"\\"error\\":"}}'), (202, b""), (404, b'{"type":"x","code":"not_found"}')],
)
async def test_what_is_no_error_of_json_rpc_passes_byte_for_byte(status: int, body: bytes) -> None:
    start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
    last = {"type": "http.response.body", "body": body}
    assert await sent(start, last) == [start, last]


async def test_an_events_text_that_speaks_of_errors_passes_byte_for_byte() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    event = {"type": "http.response.body", "body": b'event: message\r\ndata: {"result":{"error":{}}}\r\n\r\n'}
    odd = {"type": "http.response.body", "body": b'data: "error": no JSON\r\n\r\n'}
    assert await sent(start, event, odd) == [start, event, odd]
