"""One run against one server as one client: what was given, and what has been learnt so far.

Invariant: a fact (a document, a client, a token) is fetched once, when a check first needs it; a check that needs a fact
which is not there is not evaluated and says why. The exchanges behind a fact are evidence for every check that uses it.
Not here: how facts are fetched (``linking``, ``speaking``), the order of checks (``run``).
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.ops.link.oauth_types import RegisteredClient
from gatelodge.ops.verify.check import Unmet
from gatelodge.ops.verify.evidence import Entry, Recorder
from gatelodge.ops.verify.own_documents import OwnDocuments
from gatelodge.ops.verify.profiles import Profile
from gatelodge.ops.verify.redaction import Redactor
from gatelodge.ops.verify.signin import SignIn
from gatelodge.ops.verify.wire import Wire

__all__ = ["Session", "Target"]

Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Target:
    """What is verified. ``client_id``, ``client_secret``: a predefined client. ``document_url``: an own client-id
    metadata document; ``documents``: the verifier's own, served where the issuer reads them. ``query``: words a search should find. ``slow_tool``: a tool without required arguments that
    reports progress while it works. ``long``: also what takes minutes or hours."""

    url: str
    client_id: str | None = None
    client_secret: Secret | None = None
    document_url: str | None = None
    documents: OwnDocuments | None = field(default=None, repr=False)
    query: str = "the"
    slow_tool: str | None = None
    long: bool = False


@dataclass(slots=True)
class Session:
    """The run's parts, passed to every check. ``registered``, ``documented``: clients to remove at the end, by how
    they became known."""

    target: Target
    profile: Profile
    wire: Wire
    plain_wire: Wire
    recorder: Recorder
    redactor: Redactor
    sign_in: SignIn
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    tls: Mapping[str, Any] = field(default_factory=dict)
    registered: list[RegisteredClient] = field(default_factory=list)
    documented: list[str] = field(default_factory=list)
    # Why no connection to the server can be made at all; empty when one could be.
    unreachable: str = ""
    cited: list[Entry] = field(default_factory=list)
    run_id: str = field(default_factory=lambda: secrets.token_hex(3))
    _facts: dict[str, tuple[Any, list[Entry]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The MCP URL as typed."""
        return self.target.url

    async def once(self, name: str, make: Callable[[], Awaitable[Fact]]) -> Fact:
        """The fact ``name``, made by the first caller. Raises: Unmet, for the first caller and every later one."""
        if name not in self._facts:
            start, cited = len(self.recorder.log), list(self.cited)
            value: Fact | Unmet
            try:
                value = await make()
            except Unmet as unmet:
                value = unmet
            used = [entry for entry in self.cited if entry not in cited]
            self._facts[name] = (value, used + self.recorder.log[start:])
        value, entries = self._facts[name]
        self.cited.extend(entry for entry in entries if entry not in self.cited)
        if isinstance(value, Unmet):
            raise Unmet(value.check, value.reason, status=value.outcome)
        fact: Fact = value
        return fact

    def since(self, mark: int) -> list[Entry]:
        """What was exchanged since the log had ``mark`` entries."""
        return self.recorder.log[mark:]
