"""The steps of a link, how long each took, and the error that names the one that failed.

Invariant: a failure says which step, what was expected there and what to do next; it holds the id of the client that
was registered on the way, so that nothing is left behind.
"""

from dataclasses import dataclass
from enum import Enum

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["LinkFailed", "LinkReport", "Step", "StepTimer"]


class Step(Enum):
    """The steps in order; the value is the name that people see."""

    DISCOVERY = "discovery"
    REGISTRATION = "registration"
    SIGN_IN = "sign-in"
    TOKEN = "token"  # noqa: S105 - a step, not a password
    TOOLS = "tools/list"
    SEARCH = "search"
    FETCH = "fetch"

    @property
    def expected(self) -> str:
        """What a healthy stack does here."""
        return _EXPECTED[self][0]

    @property
    def next_step(self) -> str:
        """What to look at when it does not."""
        return _EXPECTED[self][1]


_EXPECTED: dict[Step, tuple[str, str]] = {
    Step.DISCOVERY: (
        "401 with `resource_metadata`, that document naming the MCP URL, and the issuer's metadata",
        "Fetch both documents: `resource` must be the MCP URL and `issuer` the first of `authorization_servers`.",
    ),
    Step.REGISTRATION: (
        "201 with a client_id for a loopback redirect",
        "Read the log of the registration desk; a refusal names the policy.",
    ),
    Step.SIGN_IN: (
        "a redirect back with a code, after sign-in and consent",
        "Sign in by hand as the same user; Keycloak's log names the event.",
    ),
    Step.TOKEN: (
        "a Bearer token with the scopes asked for",
        "Look for CODE_TO_TOKEN_ERROR in Keycloak's log.",
    ),
    Step.TOOLS: (
        "the server takes the token and lists `search` and `fetch`",
        "Compare the token's `aud` and `iss` with GATELODGE_PUBLIC_URL and GATELODGE_ISSUER; read the server's log.",
    ),
    Step.SEARCH: (
        "results with ids, as structured content and as the same JSON in one text item",
        "Check that the document folder holds the words searched for; read the server's log.",
    ),
    Step.FETCH: (
        "the document of the first result: id, title, text and url",
        "Read the server's log.",
    ),
}


class LinkFailed(GatelodgeError):
    """A link broke off. ``step`` names where; ``client_id`` is set when a client had been registered by then."""

    code = Code.LINK_FAILED

    def __init__(self, step: Step, found: str, *, client_id: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"step {step.value}: expected {step.expected}; found: {found}", hint=hint or step.next_step)
        self.step = step
        self.found = found
        self.client_id = client_id


@dataclass(frozen=True, slots=True)
class LinkReport:
    """A link that worked. ``steps``: (name, seconds) in order. ``client_id``: the client for the caller to remove."""

    client_id: str
    issuer: str
    scope: str
    tools: tuple[str, ...]
    protocol_version: str
    steps: tuple[tuple[str, float], ...]

    @property
    def seconds(self) -> float:
        """All steps together."""
        return sum(seconds for _, seconds in self.steps)


class StepTimer:
    """Which step is on, and the seconds spent in each; a step that is entered again adds up."""

    def __init__(self, clock: Clock, first: Step = Step.DISCOVERY) -> None:
        self._clock = clock
        self._spent: dict[Step, float] = {}
        self.current = first
        self._since = clock.monotonic()

    def enter(self, step: Step) -> None:
        """End the step that is on and begin another."""
        now = self._clock.monotonic()
        self._spent[self.current] = self._spent.get(self.current, 0.0) + now - self._since
        self.current, self._since = step, now

    def finish(self) -> tuple[tuple[str, float], ...]:
        """End the last step; (name, seconds) in the order of their first entry."""
        self.enter(self.current)
        return tuple((step.value, seconds) for step, seconds in self._spent.items())
