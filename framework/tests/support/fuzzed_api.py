"""A described application on a real socket, and requests made from its description.

What a case may be answered is what the description says: a status of it, its media type, its schema, and no server error.
"""

import asyncio
import os
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from starlette.types import ASGIApp

from gatelodge.app.serve import server_config

__all__ = ["CASES", "Fuzzed", "fetched", "fuzzed", "on_a_socket"]

# Of all operations of one application together.
CASES = int(os.environ.get("GATELODGE_API_CASES", "0"))
_CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
T = TypeVar("T")


@dataclass
class Fuzzed:
    """What was sent and answered, by operation and status."""

    cases: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def _serving(app: ASGIApp) -> AsyncIterator[int]:
    server = uvicorn.Server(server_config(app, bind="127.0.0.1", port=0))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await task


@contextmanager
def on_a_socket(
    application: Callable[[], AbstractAsyncContextManager[tuple[ASGIApp, T]]],
) -> Iterator[tuple[str, T]]:
    """The address of an application that is made and served in a loop of its own, and what came with it."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def live() -> None:
        async with application() as (app, more), _serving(app) as port:
            found.extend((f"http://127.0.0.1:{port}", more, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        finally:
            ready.set()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(run)
        assert ready.wait(60)
        if not found:
            ended.result(0)
        try:
            yield found[0], found[1]
        finally:
            found[2].call_soon_threadsafe(stop.set)
            ended.result(60)


def fetched(url: str, path: str) -> dict[str, Any]:
    """A document of the application, asked for by its public name."""
    answer = requests.get(url + path, headers={"host": "localhost:8443"}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def fuzzed(
    url: str,
    document: dict[str, Any],
    *,
    cases: int,
    callers: Callable[[str], list[Mapping[str, str]]],
    shape: Callable[[random.Random, Any], None] = lambda _, __: None,
    host: str = "localhost:8443",
    legitimate: Mapping[str, frozenset[int]] | None = None,
) -> Fuzzed:
    """Send so many cases, the same ones in every run, and fail on the first answer that is not as described.

    ``callers`` gives headers of an operation's callers; ``shape`` may make a case more likely to be understood;
    ``legitimate`` are statuses of 500 and more that are right, by operation.
    """
    schema = schemathesis.openapi.from_dict(document)
    operations: list[Any] = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == sum(len(methods) for methods in document["paths"].values())
    # What takes nothing from a request has few cases.
    various = [each for each in operations if {"parameters", "requestBody"} & each.definition.raw.keys()]
    most = -(-cases // (2 * max(1, len(various))))
    with requests.Session() as session:
        sender = _Sender(url, session, host, shape, legitimate or {})
        for operation in operations:
            who = callers(operation.definition.raw["operationId"])
            for mode in GenerationMode:
                _run(operation, mode, most, sender, who)
    return sender.done


@dataclass
class _Sender:
    url: str
    session: requests.Session
    host: str
    shape: Callable[[random.Random, Any], None]
    legitimate: Mapping[str, frozenset[int]]
    done: Fuzzed = field(default_factory=Fuzzed)

    def send(self, name: str, case: Any, dice: random.Random, caller: Mapping[str, str]) -> None:
        """One case, and a look at its answer."""
        self.shape(dice, case)
        case.headers.update({"host": self.host, **caller})
        answer = case.call(base_url=self.url, session=self.session, allow_redirects=False, timeout=60)
        self.done.cases += 1
        if answer.status_code == 400 and "x-request-id" not in answer.headers:
            # What is no HTTP ends at the parser, which is in front of all that is described.
            self.done.statuses[f"{name} unread"] += 1
            return
        self.done.statuses[f"{name} {answer.status_code}"] += 1
        right = answer.status_code in self.legitimate.get(name, ())
        case.validate_response(answer, checks=[CHECKS.get_one(check) for check in _CHECKS[1 if right else 0 :]])


def _run(operation: Any, mode: GenerationMode, most: int, sender: _Sender, callers: list[Mapping[str, str]]) -> None:
    name = operation.definition.raw["operationId"]

    @seed(10)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        dice=st.randoms(use_true_random=False),
        caller=st.sampled_from(callers),
    )
    def send(case: Any, dice: random.Random, caller: Mapping[str, str]) -> None:
        sender.send(name, case, dice, caller)

    try:
        send()
    except Unsatisfiable:
        # What has no parameter and no body cannot be wrong.
        if mode is GenerationMode.POSITIVE:
            raise
