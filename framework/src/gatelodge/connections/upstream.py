"""Calls of a provider's API with a linked account: the only way there for the proxy and the tool packs.

Invariants: a call goes to the configured API base and nowhere else, with headers that we set, and no redirect is
followed (``ApiMoved`` names one on the provider's own host); an access token never shows in an answer or an error; a
refused token is renewed and the call repeated once; a call that may have changed something is not repeated after its
bytes left. Not here: what may be called (``proxy``).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gatelodge.connections.api_call import ApiAnswer, Call, Query, Request, ready
from gatelodge.connections.api_errors import judge, token_refused
from gatelodge.connections.cache import AnswerCache, Key, lifetime
from gatelodge.connections.errors import ProviderUnavailable
from gatelodge.connections.registry import Registry
from gatelodge.connections.tokens import AccessToken
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Answer, Began, Outbound, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.vault.owner import Owner, service

__all__ = ["ApiAnswer", "Credential", "Limits", "Query", "Tokens", "Upstream"]

Credential = Literal["user", "service", "bot"]


class Tokens(Protocol):
    """Access tokens by owner, as ``connections.tokens.AccessTokens`` gives them."""

    async def access(
        self, owner: Owner, *, purpose: str, credential: str = ..., actor: str | None = ...
    ) -> AccessToken:
        """A token that is good now; ``actor`` asks for it, if not the owner."""

    async def renewed(self, owner: Owner, rejected: Secret, *, purpose: str, credential: str = ...) -> AccessToken:
        """Another token than the refused one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one call (seconds, bytes), and how long answers about users and repositories are kept (seconds)."""

    seconds: float = 20.0
    answer_bytes: int = 4 << 20
    request_bytes: int = 1 << 20
    keep_user: float = 300.0
    keep_repository: float = 60.0


@dataclass
class _Holder:
    """Whose token a call takes; ``credential`` is the vault's name for it, ``began`` is set when the call goes out."""

    tokens: Tokens
    owner: Owner
    credential: str
    purpose: str
    began: Began = field(default_factory=Began)

    async def token(self) -> AccessToken:
        """The one that is asked for; no other stands in for it."""
        return await self.tokens.access(self.owner, purpose=self.purpose, credential=self.credential)

    async def renewed(self, token: AccessToken) -> AccessToken:
        """Another one than that."""
        return await self.tokens.renewed(self.owner, token.value, purpose=self.purpose, credential=self.credential)


class Upstream:
    """Calls of all configured providers through one pooled client."""

    def __init__(
        self,
        outbound: Outbound,
        tokens: Tokens,
        registry: Registry,
        clock: Clock,
        *,
        services: Tokens | None = None,
        cache: AnswerCache | None = None,
        limits: Limits | None = None,
    ) -> None:
        """``services`` gives the services' own credentials where another store has them than the users'."""
        self._outbound, self._tokens, self._registry, self._clock = outbound, tokens, registry, clock
        self._services = services or tokens
        self._cache = cache or AnswerCache(clock)
        self._limits = limits or Limits()

    async def send(
        self,
        owner: Owner,
        provider: str,
        method: str,
        path: str,
        *,
        purpose: str,
        query: Query | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        credential: Credential = "user",
        reads: bool | None = None,
        site: str | None = None,
        max_bytes: int | None = None,
        keep: float = 0.0,
        fresh: bool = False,
    ) -> ApiAnswer:
        """One call for ``owner``'s user at ``provider``; ``path`` is below the provider's API base (``api_paths.fill``).

        ``json`` or ``form`` is the body. ``reads``: the call changes nothing (default: GET and HEAD only). ``site``: a
        Jira cloud id of the link other than its first. A credential of ``user`` is the user's own token, in Slack never
        the bot's: that one reads every channel it was invited to, whoever asks. ``keep``: seconds for which a GET's answer may
        serve the same user's same GET; ``fresh``: what is kept does not serve this one. Any answer that comes back is a success.
        Raises: ConnectionMissing, NeedsReauth, ApiRefused (ApiMoved), ApiLimited, ProviderUnavailable (ApiUnavailable),
        ProviderMisconfigured, UpstreamAnswerUnusable, PathRefused.
        """
        request = Request(method, path, query, json, form, headers, reads, site)
        call = ready(self._registry.get(provider).provider, request, self._limits.request_bytes)
        field = call.dialect.user_credential if credential == "user" else "access_token"
        if credential == "service":
            holder = _Holder(self._services, service(provider), field, purpose)
        else:
            holder = _Holder(self._tokens, Owner(owner.tenant, owner.user, provider), field, purpose)
        try:
            async with asyncio.timeout(self._limits.seconds):
                cap = min(max_bytes or 1 << 40, self._limits.answer_bytes)
                return await self._through_cache(call, holder, cap, keep=keep, fresh=fresh)
        except TimeoutError as error:
            detail = f"no whole answer within {self._limits.seconds:g} s"
            raise ProviderUnavailable(provider, detail, sent=holder.began.yes) from error
        except ProviderUnavailable as error:
            # What the token endpoint may have done says nothing about the call.
            if error.sent and not holder.began.yes:
                raise error.before() from error
            raise
        finally:
            if not call.safe:
                self._cache.drop(holder.owner)

    async def details(self, owner: Owner, provider: str, *, purpose: str) -> Mapping[str, str]:
        """What the user's link at ``provider`` says besides its tokens (Jira: ``sites``), without a call of the provider.

        Raises: ConnectionMissing, NeedsReauth, ProviderUnavailable, ProviderMisconfigured.
        """
        token = await self._tokens.access(Owner(owner.tenant, owner.user, provider), purpose=purpose)
        return token.extra

    def forget(self, owner: Owner) -> None:
        """Drop what is kept for an owner: its account was unlinked or linked anew."""
        self._cache.drop(owner)

    async def _through_cache(self, call: Call, holder: _Holder, cap: int, *, keep: float, fresh: bool) -> ApiAnswer:
        # The token comes first, so that nothing is answered from the cache for a link that is gone.
        token = await holder.token()
        url = call.url(token.extra)
        ours = {"user": self._limits.keep_user, "repository": self._limits.keep_repository, None: 0.0}[call.kind]
        ours = max(ours, keep if call.method == "GET" else 0.0)
        if not ours:
            return await self._renewing(call, url, holder, token, cap=cap)
        form = sorted(f"{name}:{value}" for name, value in call.headers.items())
        key = Key.of(holder.owner, token.value, url, *form)
        found = None if fresh else self._cache.get(key)
        if found is not None and len(found.body) <= cap:
            return ApiAnswer(found.status, found.headers, found.body, kept=True)
        with self._cache.slot(holder.owner) as slot:
            answer = await self._renewing(call, url, holder, token, cap=cap)
            if answer.status == 200:
                self._cache.keep(slot, key, answer, lifetime(answer.headers, ours))
            return answer

    async def _renewing(self, call: Call, url: str, holder: _Holder, token: AccessToken, *, cap: int) -> ApiAnswer:
        answer = await self._exchange(call, url, token.value, cap, holder.began)
        if token_refused(call.dialect, answer):
            # What is refused for its token was not acted on, so any call may be repeated.
            holder.began.yes = False
            token = await holder.renewed(token)
            answer = await self._exchange(call, url, token.value, cap, holder.began)
        name, base = call.provider.name, call.provider.api_base
        judge(name, call.dialect, answer, self._clock.now(), url=url, api_base=base)
        return ApiAnswer(answer.status, answer.headers, answer.body)

    async def _exchange(self, call: Call, url: str, token: Secret, cap: int, began: Began) -> Answer:
        """One request, and a second one where the first got no answer and cannot have changed anything."""
        name = call.provider.name
        headers = {**call.headers, "authorization": f"Bearer {token.reveal()}"}
        for last in (False, True):
            try:
                answer = await self._outbound.request(
                    call.method, url, headers=headers, content=call.content, max_bytes=cap, began=began
                )
            except UpstreamUnreachable as error:
                if last or (error.sent and not call.safe):
                    detail = f"no answer to {call.method} {call.path}"
                    raise ProviderUnavailable(name, detail, sent=error.sent) from error
                continue
            if token.reveal().encode() in answer.body:
                # A provider, or what stands before it, that shows us our request would show it to our caller.
                raise UpstreamAnswerUnusable(f"{name}: an answer holds the access token it was asked with")
            return answer
        raise AssertionError("the second try returns or raises")
