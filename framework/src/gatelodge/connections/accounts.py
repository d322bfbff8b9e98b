"""The page of connected accounts and its forms, for a signed-in browser.

Invariants: looking changes no link, also with ``?link=``, but for an account's name that was not to be had before (see
``naming``); every change needs the session, our own origin and the session's token; a token that was entered is never shown again. Not here: the way back from a provider (``callback``).
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gatelodge.connections.beginning import begin_link
from gatelodge.connections.callers import Caller, browser
from gatelodge.connections.csrf import FIELD, check_token, read_form
from gatelodge.connections.errors import ProviderLimited, ProviderRefused, ProviderUnavailable
from gatelodge.connections.pages import shown
from gatelodge.connections.parts import WebParts
from gatelodge.connections.sessions import Session
from gatelodge.connections.views import account_view
from gatelodge.connections.web_errors import SessionRequired
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.core.shielded import shielded
from gatelodge.vault.records import Record

__all__ = ["Accounts"]

_GONE = "is not linked any more."
_MESSAGES = {"linked": "is linked now.", "unlinked": _GONE, "unlinked_here": _GONE}
_MAX_TOKEN = 500


class Accounts:
    """Handlers of one server."""

    def __init__(self, parts: WebParts, clock: Clock) -> None:
        self._parts, self._clock = parts, clock

    async def show(self, request: Request) -> Response:
        """GET .../accounts: who is signed in and what is linked, or the way to sign in."""
        session, asked = await browser(request, self._parts), request.query_params.get("link")
        if session is None:
            named = asked is not None and self._parts.registry.configured(asked)
            return self._parts.pages.page(
                "signed_out",
                asked=self._parts.registry.get(asked).provider if named and asked else None,
                enabled=self._parts.sign_in is not None,
            )
        done, about = request.query_params.get("done", ""), request.query_params.get("provider", "")
        return await self._page(session, asked=asked, done=(done, about))

    async def link(self, request: Request) -> Response:
        """POST .../accounts/{provider}/link: on to the provider."""
        session, _ = await self._sent(request)
        name = request.path_params["provider"]
        if not self._is(name, "oauth"):
            return self._unknown()
        target = await begin_link(self._parts, Caller.of(session), name, None)
        title = f"Continue to {self._parts.registry.get(name).provider.title}"
        return self._parts.pages.page("onward", target=target, title=title)

    async def unlink(self, request: Request) -> Response:
        """POST .../accounts/{provider}/unlink."""
        session, _ = await self._sent(request)
        name = request.path_params["provider"]
        if not self._parts.registry.configured(name):
            return self._unknown()
        caller = Caller.of(session)
        done = await shielded(self._parts.linking.unlink(caller.owner(name), actor=caller.actor))
        return self._back("unlinked_here" if done is not None and done.authorised_at else "unlinked", name)

    async def token(self, request: Request) -> Response:
        """POST .../accounts/{provider}/token: a user's own API token, checked at the provider before it is kept."""
        session, form = await self._sent(request)
        name = request.path_params["provider"]
        if not self._is(name, "api_token"):
            return self._unknown()
        title, given = self._parts.registry.get(name).provider.title, form.get("token", "").strip()
        if not given or len(given) > _MAX_TOKEN or not given.isascii() or not given.isprintable() or " " in given:
            return await self._page(session, wrong=(name, "This is no API token. Copy it again, whole."))
        caller = Caller.of(session)
        try:
            await shielded(self._parts.linking.link_api_token(caller.owner(name), Secret(given), actor=caller.actor))
        except ProviderLimited:
            return await self._page(session, wrong=(name, f"{title} takes no more requests for now. Try again later."))
        except ProviderUnavailable:
            wrong = f"{title} does not answer, so the token could not be checked. Nothing was saved; try again later."
            return await self._page(session, wrong=(name, wrong))
        except ProviderRefused:
            wrong = f"{title} does not accept this token. Nothing was saved; make a new token and copy it whole."
            return await self._page(session, wrong=(name, wrong))
        return self._back("linked", name)

    async def _page(
        self,
        session: Session,
        *,
        asked: str | None = None,
        done: tuple[str, str] = ("", ""),
        wrong: tuple[str, str] = ("", ""),
    ) -> Response:
        records = await self._records(session)
        if self._parts.naming is not None and await self._parts.naming.complete(list(records.values())):
            records = await self._records(session)
        now, registry = self._clock.now(), self._parts.registry
        views = [
            account_view(
                registry.get(name).provider,
                records.get(name),
                now,
                asked=name == asked,
                offered=self._parts.store.keeps_accounts,
                error=wrong[1] if name == wrong[0] else "",
            )
            for name in registry.names()
        ]
        views.sort(key=lambda view: not view.asked)
        # Said only when it is so: anyone can write such an address.
        what, about = done
        true = registry.configured(about) and (about in records) == (what == "linked")
        message = f"{registry.get(about).provider.title} {_MESSAGES[what]}" if what in _MESSAGES and true else ""
        still = registry.get(about).provider if message and what == "unlinked_here" else None
        return self._parts.pages.page(
            "accounts",
            400 if wrong[1] else 200,
            forms=True,
            accounts=views,
            name=shown(session.who.name or session.who.subject),
            csrf=session.csrf.reveal(),
            message=message,
            still=still,
        )

    async def _records(self, session: Session) -> dict[str, Record]:
        found = await self._parts.store.list(tenant=session.who.issuer, user=session.who.subject)
        return {record.owner.provider: record for record in found}

    async def _sent(self, request: Request) -> tuple[Session, dict[str, str]]:
        """The session and the fields of a form of ours. Raises: SessionRequired, CsrfRefused."""
        session = await browser(request, self._parts)
        if session is None:
            raise SessionRequired("the session is over, or there was none")
        form = await read_form(request)
        check_token(request, session, form.get(FIELD), self._parts.place.origin)
        return session, form

    def _is(self, name: str, kind: str) -> bool:
        registry = self._parts.registry
        return registry.configured(name) and registry.get(name).provider.kind == kind

    def _unknown(self) -> Response:
        return self._parts.pages.outcome(404, "No such provider", "This server has no provider of that name.")

    def _back(self, done: str, name: str) -> Response:
        return RedirectResponse(
            f"{self._parts.place.accounts}?done={done}&provider={name}", 303, self._parts.pages.headers()
        )
