"""Traces of a real process, as an OTLP receiver gets them: continued from the caller, through tool and upstream call."""

from pathlib import Path

import httpx2
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from trace_receiver import Receiver, receiver, serving

from gatelodge.observability import tracing
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.server import ServerSettings

__all__ = ["receiver"]

# The tool calls what stands for a provider, by the transport that calls of linked accounts take.
SERVER = """
import os
from typing import Any
from fastmcp import FastMCP
from opentelemetry import trace
from gatelodge import protect, public
from gatelodge.outbound.client import Outbound
from gatelodge.outbound.traced import TracedTransport
import httpx2
mcp: FastMCP[Any] = FastMCP("small")
@mcp.tool
@public
async def ask() -> str:
    propagate = os.environ.get("GATELODGE_TRACES_UPSTREAM") == "on"
    outbound = Outbound(transport=TracedTransport(httpx2.AsyncHTTPTransport(), propagate=propagate))
    with trace.get_tracer("author").start_as_current_span("of the author"):
        await outbound.request("GET", os.environ["PROVIDER"] + "/secret-path?code=cAnArY")
    await outbound.aclose()
    return "asked"
app = protect(mcp)
"""
# Any other application, with the same endpoint as a route.
PLAIN = """
from opentelemetry import trace
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from gatelodge import auth_middleware, public
@public
async def note(request):
    with trace.get_tracer("author").start_as_current_span("of the author"):
        return PlainTextResponse("note", 500 if request.path_params["name"] == "broken" else 200)
app = auth_middleware(service_name="notes")(Starlette(routes=[Route("/notes/{name}", note)]))
"""
HTTP_TRACE, META_TRACE = "1" * 32, "2" * 32
HTTP_PARENT, META_PARENT = f"00-{HTTP_TRACE}-{'a' * 16}-01", f"00-{META_TRACE}-{'b' * 16}-01"


def call(base: str, era: str, meta: dict[str, str]) -> httpx2.Response:
    """One call of the tool, with a trace in the header and, perhaps, one in ``_meta``."""
    envelope: dict[str, object] = dict(meta)
    if era == "2026-07-28":
        envelope |= {"io.modelcontextprotocol/protocolVersion": era, "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"name": "ask", "arguments": {}, "_meta": envelope}
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": era,
        "mcp-method": "tools/call",
        "mcp-name": "ask",
        "traceparent": HTTP_PARENT,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return httpx2.post(f"{base}/mcp", json=body, headers=headers, timeout=60)


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
def test_a_call_s_spans_continue_the_trace_of_its_meta_into_tool_and_upstream(
    era: str, tmp_path: Path, receiver: Receiver
) -> None:
    with serving(tmp_path, receiver, SERVER) as base:
        answer = call(base, era, {"traceparent": META_PARENT})
        assert "asked" in answer.text
        # The request's id is that of the hop, whose header it is.
        assert answer.headers["x-request-id"] == HTTP_TRACE
    spans = receiver.spans()
    server, tool = spans["mcp tools/call"], spans["tools/call ask"]
    author, upstream = spans["of the author"], spans["GET 127.0.0.1"]
    assert server.parent_span_id.hex() == "b" * 16
    assert {span.trace_id.hex() for span in (server, tool, author, upstream)} == {META_TRACE}
    assert [one.parent_span_id for one in (tool, author, upstream)] == [s.span_id for s in (server, tool, author)]
    assert (server.kind, upstream.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert server.start_time_unix_nano <= tool.start_time_unix_nano
    assert server.end_time_unix_nano >= upstream.end_time_unix_nano
    assert set(spans) == {"mcp tools/call", "tools/call ask", "of the author", "GET 127.0.0.1"}
    # Nothing left for the third party, and nothing of its address is in a span.
    assert not {"traceparent", "tracestate", "baggage"} & receiver.asked[0].keys()
    assert not any(word in raw for raw in receiver.raw for word in (b"secret-path", b"cAnArY"))


def test_without_a_trace_in_meta_the_header_s_goes_on_and_a_bad_one_starts_a_new_trace(
    tmp_path: Path, receiver: Receiver
) -> None:
    with serving(tmp_path, receiver, SERVER, GATELODGE_TRACES_UPSTREAM="on", OTEL_SERVICE_NAME="renamed") as base:
        call(base, "2026-07-28", {"traceparent": "00-not-a-trace-01"})
        httpx2.get(f"{base}/.well-known/oauth-protected-resource", headers={"traceparent": "nonsense"}, timeout=60)
        refused = httpx2.post(
            f"{base}/mcp", headers={"authorization": "Bearer a b", "traceparent": HTTP_PARENT}, timeout=60
        )
        assert refused.status_code == 400
    spans = receiver.spans()
    assert spans["mcp tools/call"].trace_id.hex() == HTTP_TRACE
    assert spans["metadata"].parent_span_id == b""
    assert spans["mcp"].trace_id.hex() == HTTP_TRACE
    # Where the operator said so, the provider gets the trace.
    sent = receiver.asked[0]["traceparent"].split("-")
    assert (sent[1], sent[2]) == (HTTP_TRACE, spans["GET 127.0.0.1"].span_id.hex())
    names = {a.value.string_value for r in receiver.exports[0].resource_spans for a in r.resource.attributes}
    assert "renamed" in names


def test_a_request_of_any_other_application_is_a_span_with_the_name_of_its_endpoint(
    tmp_path: Path, receiver: Receiver
) -> None:
    with serving(tmp_path, receiver, PLAIN) as base:
        for name in ("cAnArY", "broken"):
            httpx2.get(f"{base}/notes/{name}?q=cAnArY", headers={"traceparent": HTTP_PARENT}, timeout=60)
        httpx2.get(f"{base}/health/live", timeout=60)
    resources = [resource for export in receiver.exports for resource in export.resource_spans]
    spans = [span for r in resources for scope in r.scope_spans for span in scope.spans]
    asked, inner = ([span for span in spans if span.name == name] for name in ("GET /notes/{name}", "of the author"))
    assert [span.parent_span_id.hex() for span in asked] == ["a" * 16] * 2
    assert [span.parent_span_id for span in inner] == [span.span_id for span in asked]
    assert {span.trace_id.hex() for span in asked + inner} == {HTTP_TRACE}
    assert [(span.kind, span.status.code) for span in asked] == [
        (Span.SPAN_KIND_SERVER, Status.STATUS_CODE_UNSET),
        (Span.SPAN_KIND_SERVER, Status.STATUS_CODE_ERROR),
    ]
    assert not any(b"cAnArY" in raw for raw in receiver.raw)


def test_an_endpoint_without_the_extra_is_a_fault_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", "https://localhost:8443/mcp")
    monkeypatch.setenv("GATELODGE_ISSUER", "https://localhost:8443/realms/mcp")
    monkeypatch.setenv("GATELODGE_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
    assert load(ServerSettings).tracing_config().endpoint == "http://127.0.0.1:4318/v1/traces"
    monkeypatch.setattr("gatelodge.settings.observability.extra_installed", lambda: False)
    with pytest.raises(SettingsInvalid, match=r"pip install 'gatelodge\[tracing\]'"):
        load(ServerSettings)
    monkeypatch.setattr(tracing, "extra_installed", lambda: False)
    with pytest.raises(tracing.TracesUnavailable):
        tracing.start_tracing("http://127.0.0.1:4318/v1/traces", "x", "1")


@pytest.mark.parametrize("url", ["collector:4318", "ftp://c/v1/traces", "http://c:4318", "http://u:p@c:4318/v1/traces"])
def test_an_endpoint_that_is_no_whole_address_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", "https://localhost:8443/mcp")
    monkeypatch.setenv("GATELODGE_ISSUER", "https://localhost:8443/realms/mcp")
    monkeypatch.setenv("GATELODGE_TRACES_ENDPOINT", url)
    with pytest.raises(SettingsInvalid, match="GATELODGE_TRACES_ENDPOINT"):
        load(ServerSettings)
