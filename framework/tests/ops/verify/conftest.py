"""Verification of a server in process, healthy but for the faults it is given."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from faulty_issuer import DOCUMENT_URL
from faulty_server import FaultyServer, Run
from scripted_realm import ISSUER, MCP_URL, PASSWORD
from streaming_asgi import StreamingTransport

from gatelodge.core.secret import Secret
from gatelodge.ops.verify import loopback, protocol, transport
from gatelodge.ops.verify.catalogue import CHECKS
from gatelodge.ops.verify.own_documents import OwnDocuments, new_key
from gatelodge.ops.verify.profiles import PROFILES
from gatelodge.ops.verify.run import Verification, verify
from gatelodge.ops.verify.session import Target
from gatelodge.ops.verify.signin import ScriptedSignIn
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.tokens import TokenFactory


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is in this process: what is slow is the machine."""
    for module, name in ((protocol, "_STREAM_SECONDS"), (transport, "_SECONDS"), (loopback, "_SECONDS")):
        monkeypatch.setattr(module, name, 60.0)


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def tokens(clock: ManualClock) -> TokenFactory:
    return TokenFactory(ISSUER, MCP_URL, clock)


@pytest.fixture(scope="module")
def documents(clock: ManualClock) -> OwnDocuments:
    return OwnDocuments("login.test", new_key(), clock)


@pytest.fixture
async def run(tokens: TokenFactory, clock: ManualClock, documents: OwnDocuments, tmp_path: Path) -> AsyncIterator[Run]:
    """A function that verifies a server with faults, by some checks or all."""
    async with AsyncExitStack() as stack:

        async def verified(
            *faults: str,
            client: str = "chatgpt",
            checks: tuple[str, ...] = (),
            password: str = PASSWORD,
            signed: bool = True,
        ) -> Verification:
            server = await stack.enter_async_context(FaultyServer(tokens, clock, tmp_path, *faults).running())
            server.issuer.documents = documents

            async def sleep(seconds: float) -> None:
                clock.advance(seconds)

            return await verify(
                Target(MCP_URL, document_url=DOCUMENT_URL, documents=documents, query="one", slow_tool="report"),
                PROFILES[client],
                transport=StreamingTransport(server),
                sign_in=(lambda wire: ScriptedSignIn("ada", Secret(password), ISSUER, wire)) if signed else None,
                secrets=[password],
                clock=clock,
                sleep=sleep,
                checks=[check for check in CHECKS if not checks or check.id in checks],
                # Only an answer without an end is waited for in vain, twice.
                seconds=1.0 if "endless" in faults else 60.0,
            )

        yield verified
