"""The way back from a provider: state, user and browser first, then the code, then a page or the front end's address.

Invariants: an account is linked to the user who is signed in with this browser, and only when that same user began it, so
that a forwarded link links nobody's account to somebody else's; what a provider writes into its answer is never shown.
"""

import logging
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gatelodge.connections.callers import Caller, browser
from gatelodge.connections.errors import ConnectionFault
from gatelodge.connections.parts import WebParts
from gatelodge.connections.provider import Provider
from gatelodge.connections.state import Begun
from gatelodge.connections.visits import Visits, once
from gatelodge.connections.web_errors import SessionRequired, StateRefused
from gatelodge.core.secret import Secret
from gatelodge.core.shielded import shielded
from gatelodge.observability.metrics import oauth_counted, oauth_result

__all__ = ["Callback"]

_log = logging.getLogger(__name__)
_KEPT = ("code", "state", "iss", "error")
# Marks the second try after a sign-in, so that a browser without cookies does not go round for ever.
_AGAIN = "signed_in"


class Callback:
    """The handler of one server."""

    def __init__(self, parts: WebParts, visits: Visits) -> None:
        self._parts, self._visits = parts, visits

    async def receive(self, request: Request) -> Response:
        """GET .../api/auth/{provider}/callback. Raises: StateRefused, SessionRequired, and what the link raises."""
        parts, answer = self._parts, once(request)
        if "iss" in request.query_params:
            # Given twice it is unreadable, not absent.
            answer.setdefault("iss", "")
        name = request.path_params["provider"]
        if not parts.registry.configured(name) or parts.registry.get(name).provider.kind != "oauth":
            return parts.pages.outcome(404, "No such provider", "This server has no provider of that name.")
        provider = parts.registry.get(name).provider
        session = await browser(request, parts)
        if session is None:
            return await self._sign_in_first(name, answer)
        caller = Caller.of(session)
        if parts.limits is not None:
            await parts.limits.returned(caller.issuer, caller.subject)
        owner = caller.owner(name)
        begun = await parts.states.finish(Secret(answer.get("state", "")), owner, session.key)
        # RFC 9207, section 2.4: where a provider names itself, another one's answer is not taken.
        if (provider.sends_iss or "iss" in answer) and answer.get("iss") != provider.issuer:
            raise StateRefused(f"iss of the answer is missing or not {name}'s ({provider.issuer})")
        code = answer.get("code")
        if "error" in answer or not code:
            return self._refused(provider, answer.get("error", "no code"), begun)
        try:
            with oauth_counted("link", name):
                await shielded(
                    parts.linking.link(
                        owner,
                        code,
                        verifier=begun.verifier,
                        redirect_uri=parts.place.callback(name),
                        actor=caller.actor,
                    )
                )
        except ConnectionFault as error:
            return self._failed(provider, error, begun)
        target = begun.return_to or f"{parts.place.accounts}?{urlencode({'done': 'linked', 'provider': name})}"
        return RedirectResponse(target, 303, parts.pages.headers())

    async def _sign_in_first(self, name: str, answer: dict[str, str]) -> Response:
        """A link that a front end began with an access token: the browser shows first who it is."""
        if _AGAIN in answer:
            raise SessionRequired("no session after a sign-in: the browser keeps no cookies")
        kept = {key: answer[key] for key in _KEPT if key in answer} | {_AGAIN: "1"}
        return await self._visits.to_sign_in(f"{self._parts.place.base}/api/auth/{name}/callback?{urlencode(kept)}")

    def _refused(self, provider: Provider, error: str, begun: Begun) -> Response:
        said = "".join(char if char.isascii() and (char.isalnum() or char in "_-.") else "?" for char in error[:80])
        _log.warning("link at %s: the provider sent the user back with %s", provider.name, said)
        oauth_result("link", "denied" if error == "access_denied" else "refused", provider.name)
        if error == "access_denied":
            text = f"You did not agree at {provider.title}, so nothing was linked."
        else:
            text = f"{provider.title} sent you back without a permission. Nothing was linked."
        return self._parts.pages.outcome(
            400, f"{provider.title} is not linked", text, hint="You can try again at any time.", back=begun.return_to
        )

    def _failed(self, provider: Provider, error: ConnectionFault, begun: Begun) -> Response:
        _log.warning("link at %s failed: %s (%s)", provider.name, error.detail, error.hint)
        meaning = error.code.meaning
        return self._parts.pages.outcome(
            error.status,
            f"{provider.title} is not linked",
            f"{meaning.text} Nothing was linked.",
            hint=meaning.hint,
            code=error.code.value,
            back=begun.return_to,
        )
