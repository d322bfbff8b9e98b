"""Sign-in and sign-out of a browser: the routes around ``signin`` and ``sessions``.

Invariant: the session gets a new id at each sign-in. The cookie of the sign-in is taken back when it came to its end or
was refused; after another failure (no answer of the authorization server) it ends by itself, minutes later.
"""

import logging

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gatelodge.audit.actor import of_user
from gatelodge.audit.event import Event
from gatelodge.connections import cookies
from gatelodge.connections.callers import Caller, browser
from gatelodge.connections.csrf import FIELD, check_token, read_form
from gatelodge.connections.parts import WebParts
from gatelodge.connections.signin import LIFE
from gatelodge.connections.web_errors import SessionRequired, SignInRefused
from gatelodge.core.errors import GatelodgeError
from gatelodge.observability.metrics import oauth_counted

__all__ = ["Visits", "once"]

_log = logging.getLogger(__name__)


class Visits:
    """Handlers of one server."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    async def sign_in(self, request: Request) -> Response:
        """GET .../accounts/sign-in: on to the authorization server."""
        asked, accounts = request.query_params.get("link"), self._parts.place.accounts
        named = asked is not None and self._parts.registry.configured(asked)
        return await self.to_sign_in(f"{accounts}?link={asked}" if named else accounts)

    async def to_sign_in(self, resume: str) -> Response:
        """The browser on its way to sign in, and then to ``resume``, a path of ours. Raises: SignInRefused."""
        if self._parts.sign_in is None:
            raise SignInRefused("GATELODGE_WEB_CLIENT_SECRET is not set, so nobody can sign in to these pages")
        target, cookie = await self._parts.sign_in.begin(resume)
        answer = RedirectResponse(target, 303, self._parts.pages.headers())
        cookies.keep(answer, self._parts.place, cookies.SIGN_IN, cookie, seconds=LIFE)
        return answer

    async def callback(self, request: Request) -> Response:
        """GET .../accounts/callback: back from the authorization server."""
        parts, place = self._parts, self._parts.place
        if parts.sign_in is None:
            raise SignInRefused("no sign-in is set up")
        begun = cookies.given(request, place, cookies.SIGN_IN)
        try:
            with oauth_counted("sign_in"):
                who, resume = await parts.sign_in.finish(once(request), begun)
        except SignInRefused as error:
            answer = parts.pages.outcome(
                error.status,
                "You are not signed in",
                error.public,
                hint="Start again from the page of connected accounts.",
                code=error.code.value,
            )
            cookies.forget(answer, place, cookies.SIGN_IN)
            # Anybody can come here without end.
            about = {"why": error.detail[:200]}
            parts.recorder.count("session.open", error.code.value, parts.stranger(request.scope), about)
            return answer
        name, _ = await parts.sessions.begin(who, instead_of=cookies.given(request, place, cookies.SESSION))
        parts.trail.note(Event("session.open", of_user(who.issuer, who.subject)))
        back = RedirectResponse(resume, 303, parts.pages.headers())
        cookies.keep(back, place, cookies.SESSION, name.reveal(), seconds=parts.sessions.ttl)
        cookies.forget(back, place, cookies.SIGN_IN)
        return back

    async def sign_out(self, request: Request) -> Response:
        """POST .../accounts/sign-out: the session ends here, then at the authorization server."""
        parts = self._parts
        session = await browser(request, parts)
        if session is None:
            raise SessionRequired("there was no session")
        check_token(request, session, (await read_form(request)).get(FIELD), parts.place.origin)
        await parts.sessions.end(session)
        parts.trail.note(Event("session.close", Caller.of(session).actor))
        target = None
        try:
            target = await parts.sign_in.sign_out_url(session.who) if parts.sign_in is not None else None
        except GatelodgeError as error:
            # Here the person is signed out all the same.
            _log.warning("signed out here only: %s: %s", error.code.value, error.detail)
        answer = parts.pages.page("onward", target=target or parts.place.accounts, title="Signing out")
        cookies.forget(answer, parts.place, cookies.SESSION)
        return answer


def once(request: Request) -> dict[str, str]:
    """The query's parameters; one that is there twice has no single meaning and counts as absent."""
    query = request.query_params
    return {name: value for name, value in query.items() if len(query.getlist(name)) == 1}
