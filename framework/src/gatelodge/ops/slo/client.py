"""A linked client: its tokens, its refreshes, and the one old token that it tries after its end.

Invariant: tokens stay in memory; every refresh is a sample of its own. One client sends one request at a time.
"""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field

from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.oauth_types import OAuthRefused, TokenSet
from gatelodge.ops.link.obtain import Obtained
from gatelodge.ops.slo.calls import Asked, Door
from gatelodge.ops.slo.journal import Journal, Meaning
from gatelodge.ops.slo.sample import Sample
from gatelodge.ops.slo.timing import TimingTransport
from gatelodge.outbound.client import Outbound

__all__ = ["LinkedClient"]

# The longest difference of clocks that a server of ours allows, and a little.
_LEEWAY = 11.5


@dataclass(slots=True)
class LinkedClient:
    """One of the run's clients; ``number`` from 1."""

    number: int
    resource: str
    obtained: Obtained
    journal: Journal
    clock: Clock
    transport: TimingTransport
    outbound: Outbound
    _tokens: TokenSet = field(init=False, repr=False)
    _ends: float = field(init=False)
    _life: float = field(init=False)
    _stale: tuple[str, float] | None = field(default=None, repr=False)
    _forced: bool = False

    def __post_init__(self) -> None:
        self._take(self.obtained.tokens)

    def _take(self, tokens: TokenSet) -> None:
        self._tokens = tokens
        self._life = float(tokens.expires_in or 60)
        self._ends = self.clock.monotonic() + self._life

    @property
    def token(self) -> str:
        """The access token in use."""
        return self._tokens.access_token

    @property
    def key_id(self) -> str:
        """The id of the key that signed the token in use; empty when it is no JWT."""
        head = self._tokens.access_token.split(".")[0]
        try:
            return str(json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid", ""))
        except (ValueError, AttributeError):
            return ""

    def force(self) -> None:
        """Refresh before the next request, whatever the token's age."""
        self._forced = True

    async def refresh(self) -> bool:
        """Trade the refresh token for new tokens. Returns whether that worked."""
        old = self._tokens
        if not old.refresh_token:
            return False
        why = ""
        self._forced = False
        try:
            tokens = await oauth_steps.refresh(
                self.outbound, self.obtained.server, self.obtained.client, old.refresh_token, resource=self.resource
            )
        except OAuthRefused as refusal:
            why = f"refused: {refusal.error}"[:80]
        except GatelodgeError as error:
            why = f"no usable answer: {error.code.value}"
        else:
            # Some issuers keep the refresh token that was used.
            kept = tokens.refresh_token or old.refresh_token
            self._take(TokenSet(tokens.access_token, kept, None, tokens.scopes, tokens.expires_in))
        meaning = Meaning("edge", "issuer", "refresh", "", self.number, valid=True, why=why)
        self.journal.add(self.transport.last, meaning, due=None)
        return not why

    def keep_for_later(self) -> None:
        """Remember the token in use, to try it when it has ended."""
        self._stale = (self._tokens.access_token, self._ends + _LEEWAY)

    async def call(self, door: Door, asked: Asked, era: str, *, due: float | None = None, pair: int = 0) -> Sample:
        """One request with a token that is still good; after an unexpected 401 a refresh and the same once more."""
        if door.lane != "open" and (self._forced or self._ends - self.clock.monotonic() < min(10.0, self._life / 4)):
            await self.refresh()
        sample = await self._once(door, asked, era, self._tokens.access_token, due=due, pair=pair)
        if sample.status == 401 and pair == 0 and await self.refresh():
            sample = await self._once(door, asked, era, self._tokens.access_token, due=None, pair=0)
        return sample

    async def try_stale(self, door: Door, asked: Asked, era: str) -> bool:
        """Call once with the old token when its time has come: 401, then a refresh, then an answer."""
        if self._stale is None or self.clock.monotonic() < self._stale[1]:
            return False
        expired = Asked("expired", asked.method, asked.params)
        refused = await self._once(door, expired, era, self._stale[0], due=None, pair=0)
        if not refused.good and refused.window:
            # Nobody was there to refuse it: later once more.
            return False
        self._stale = None
        await self.refresh()
        await self._once(door, asked, era, self._tokens.access_token, due=None, pair=0)
        return True

    async def _once(self, door: Door, asked: Asked, era: str, token: str, *, due: float | None, pair: int) -> Sample:
        reply = await door.ask(asked, era, None if door.lane == "open" else token)
        expired = asked.kind == "expired"
        why = ("" if reply.status == 401 else reply.says()[:80]) if expired else asked.right(reply)
        meaning = Meaning(door.lane, door.server, asked.kind, era, client=self.number, valid=not expired, why=why)
        return self.journal.add(door.transport.last, meaning, due=due, pair=pair)

    async def aclose(self) -> None:
        """Close the way to the issuer."""
        await self.outbound.aclose()
