"""Tools with hostile input schemas (M23): nothing that a schema names is fetched, and listing and calling end."""

import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import pytest
from fastmcp import FastMCP
from fastmcp.tools import Tool
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from surface import HOST, Surface, surface
from wire import LEGACY, MODERN, message

from conformance.surface.test_slow_clients import connect, rest
from gatelodge import requires
from gatelodge.app.slow_clients import Limits

_REDOS = "^(a+)+$"
# To an engine that backtracks, more steps than there is time; to one that does not, forty.
_EVIL = "a" * 40 + "!"


class Leaf(BaseModel):
    """The end of a branch."""

    kind: Literal["leaf"] = "leaf"
    value: int = 0


class Twig(BaseModel):
    """A branch that says which alternative it is."""

    kind: Literal["twig"] = "twig"
    child: Annotated["Twig | Leaf", Field(discriminator="kind")]


class Left(BaseModel):
    """One of two alternatives that nothing tells apart."""

    child: "Left | Right | None" = None


class Right(BaseModel):
    """The other."""

    child: "Left | Right | None" = None


def server(address: str) -> FastMCP[Any]:
    """Tools whose schemas name an address, refer to themselves, or hold a pattern that backtracks."""
    mcp: FastMCP[Any] = FastMCP("schemas")

    @requires("notes:read")
    async def remote(a: Any = None) -> dict[str, str]:
        return {"result": "ran"}

    given = Tool.from_function(remote)
    given.parameters = {
        "$schema": f"{address}/dialect",
        "$id": f"{address}/base/",
        "type": "object",
        "properties": {"a": {"$ref": f"{address}/schema.json#/a"}, "b": {"$ref": "file:///etc/passwd"}},
    }
    given.output_schema = {"type": "object", "properties": {"result": {"$ref": f"{address}/result.json"}}}
    mcp.add_tool(given)

    @requires("notes:read")
    async def circle(a: Any = None) -> str:
        return "ran"

    turning = Tool.from_function(circle)
    either = [{"$ref": "#/$defs/n"}, {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}]
    turning.parameters = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"anyOf": either}},
    }
    mcp.add_tool(turning)

    @mcp.tool
    @requires("notes:read")
    async def tree(root: Twig) -> str:
        """A recursive argument whose alternatives are told apart by a tag."""
        return "ran"

    @mcp.tool
    @requires("notes:read")
    async def pattern(text: Annotated[str, Field(pattern=_REDOS)]) -> str:
        """An argument with a pattern."""
        return "ran"

    return mcp


@pytest.fixture(scope="module")
def canary() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture(scope="module")
def served(canary: socket.socket) -> Iterator[Surface]:
    with surface(Limits(), mcp=server(address(canary))) as running:
        yield running


def address(listening: socket.socket) -> str:
    """The canary's, as a URL."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def untouched(listening: socket.socket) -> bool:
    """Whether nobody connected."""
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return True
    return False


def ask(served: Surface, method: str, params: dict[str, Any], era: str) -> bytes:
    """One request's whole answer; the socket's time limit of 20 s bounds it."""
    body, headers = message(method, params, era)
    headers |= {"host": HOST, "authorization": served.bearer(), "content-length": str(len(body)), "connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with connect(served.port, f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + body) as wire:
        return rest(wire)


@pytest.mark.parametrize("era", [MODERN, LEGACY])
def test_tools_with_hostile_schemas_are_listed_and_nothing_is_fetched(
    served: Surface, canary: socket.socket, era: str
) -> None:
    answer = ask(served, "tools/list", {}, era)
    assert answer.startswith(b"HTTP/1.1 200 ")
    for name in (b"remote", b"circle", b"tree", b"pattern"):
        assert b'"name":"%s"' % name in answer
    # Clients get what the author wrote; what they do with an address in it is theirs.
    assert address(canary).encode() in answer
    assert untouched(canary)


def nested(levels: int) -> dict[str, Any]:
    """A tree of so many levels."""
    value: dict[str, Any] = {"kind": "leaf"}
    for _ in range(levels):
        value = {"kind": "twig", "child": value}
    return value


_CALLS = [
    ("remote", {"a": {"$ref": "http://127.0.0.1:1/"}}, True),
    ("circle", {"a": {"n": {"n": {"n": 1}}}}, True),
    ("tree", {"root": nested(8)}, True),
    ("tree", {"root": nested(8) | {"child": {"kind": "twig"}}}, False),
    ("pattern", {"text": "aaaa"}, True),
    ("pattern", {"text": _EVIL}, False),
    ("pattern", {"text": "a" * 1_000_000 + "!"}, False),
]


@pytest.mark.parametrize("era", [MODERN, LEGACY])
@pytest.mark.parametrize("given", _CALLS, ids=[f"{name}-{number}" for number, (name, *_) in enumerate(_CALLS)])
def test_a_call_of_such_a_tool_ends_and_nothing_is_fetched(
    served: Surface, canary: socket.socket, era: str, given: tuple[str, dict[str, Any], bool]
) -> None:
    name, arguments, runs = given
    answer = ask(served, "tools/call", {"name": name, "arguments": arguments}, era)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert (b'"ran"' in answer) is runs
    assert (b'"isError":true' in answer) is not runs
    assert untouched(canary)


@pytest.mark.parametrize("levels", [2000, 20_000])
def test_arguments_nested_beyond_what_can_be_read_reach_no_schema(
    served: Surface, canary: socket.socket, levels: int
) -> None:
    body, headers = message("tools/call", {"name": "circle", "arguments": {"a": 1}}, LEGACY)
    body = body.replace(b'"a": 1', b'"a": ' + b'{"n":' * levels + b"1" + b"}" * levels)
    headers |= {"host": HOST, "authorization": served.bearer(), "content-length": str(len(body)), "connection": "close"}
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    with connect(served.port, f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + body) as wire:
        assert rest(wire).startswith(b"HTTP/1.1 400 ")
    assert untouched(canary)


def test_alternatives_without_a_tag_double_the_work_with_each_level() -> None:
    """What the page on limits warns of: nothing else bounds it, so authors are told to use a tag."""

    def faults(levels: int) -> int:
        value: dict[str, Any] = {"child": 1}
        for _ in range(levels):
            value = {"child": value}
        with pytest.raises(ValidationError) as caught:
            TypeAdapter(Left | Right).validate_python(value)
        return caught.value.error_count()

    assert faults(5) == 2 * faults(4) == 4 * faults(3)


@contextmanager
def answering(listening: socket.socket) -> Iterator[None]:
    """Whoever connects is let go at once, and seen."""

    def take() -> None:
        listening.accept()[0].close()

    listening.setblocking(True)
    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
    assert not thread.is_alive()


def test_a_validator_that_fetches_is_caught_by_the_canary() -> None:
    """A negative control: the usual validator does fetch what a schema names."""
    jsonschema: Any = pytest.importorskip("jsonschema")
    with socket.create_server(("127.0.0.1", 0)) as listening, answering(listening), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(jsonschema.exceptions._WrappedReferencingError):
            jsonschema.validate({"a": 1}, {"properties": {"a": {"$ref": f"{address(listening)}/schema.json"}}})


def test_an_engine_that_backtracks_does_not_end() -> None:
    """The other: Python's own engine is still at it when its time is up."""
    code = f"import re; re.match({_REDOS!r}, {_EVIL!r})"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", code], timeout=1, check=False)
