"""How the verifier signs in: a scripted browser with a password, a person's own browser, or not at all.

Invariant: one sign-in at a time, and after a refused one no other: the account must not be locked by a check.
Not here: the scripted pages (``ops.link.browser``), the loopback listener (``callback``).
"""

import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import httpx2

from gatelodge.core.secret import Secret
from gatelodge.ops.link.browser import CallbackParams, ScriptedBrowser, SignInFailed
from gatelodge.ops.verify.callback import Listener

__all__ = ["NoSignIn", "PersonSignIn", "ScriptedSignIn", "SignIn"]


class SignIn(Protocol):
    """One person at one browser."""

    @property
    def scripted(self) -> bool:
        """Whether it signs in by itself, as often as asked and to any redirect URI."""

    @property
    def redirect(self) -> str | None:
        """The only redirect URI whose answer can be read; None for any."""

    async def authorize(self, url: str) -> CallbackParams:
        """Open an authorization URL and give its answer. Raises: SignInFailed."""

    def fresh(self, *, consent: bool = True) -> "SignIn":
        """A browser that is not signed in; one that refuses the consent without ``consent``."""


@dataclass(slots=True)
class ScriptedSignIn:
    """A user name and a password, through the recorded transport."""

    username: str
    password: Secret
    # The only issuer that may get the password; without it, the one that the server names.
    issuer: str | None
    transport: httpx2.AsyncBaseTransport = field(repr=False)
    consent: bool = True
    browser: ScriptedBrowser | None = field(default=None, repr=False)

    scripted = True
    redirect = None

    async def authorize(self, url: str) -> CallbackParams:
        """Sign in where needed, answer the consent page."""
        if self.browser is None:
            self.browser = ScriptedBrowser(
                None, self.username, self.password, self.consent, issuer=self.issuer, transport=_Kept(self.transport)
            )
        return await self.browser.authorize(url)

    def fresh(self, *, consent: bool = True) -> "ScriptedSignIn":
        """The same user at another browser."""
        return replace(self, consent=consent, browser=None)


@dataclass(frozen=True, slots=True)
class PersonSignIn:
    """A person's browser, and a listener on loopback for the answer."""

    listener: Listener
    say: Callable[[str], None]
    seconds: float = 300.0

    scripted = False

    @property
    def redirect(self) -> str | None:
        """The listener's address."""
        return self.listener.redirect_uri

    async def authorize(self, url: str) -> CallbackParams:
        """Open the page and wait for its answer."""
        self.say(f"Sign in and agree in the browser. If none opens, go to:\n{url}")
        # A browser in the terminal keeps this call for as long as it is open; the listener must answer meanwhile.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        return await self.listener.answer(self.seconds)

    def fresh(self, *, consent: bool = True) -> "PersonSignIn":
        """The same: a person keeps the browser they have."""
        if not consent:
            raise SignInFailed("only a scripted sign-in refuses the consent")
        return self


@dataclass(frozen=True, slots=True)
class NoSignIn:
    """Nobody signs in: everything behind the sign-in stays unseen."""

    scripted = False
    redirect = None

    async def authorize(self, url: str) -> CallbackParams:  # noqa: ARG002 - as the others
        """Never. Raises: SignInFailed."""
        raise SignInFailed("no way to sign in was given", hint="Give --user and --password-file, or --browser.")

    def fresh(self, *, consent: bool = True) -> "NoSignIn":  # noqa: ARG002 - as the others
        """The same."""
        return self


class _Kept(httpx2.AsyncBaseTransport):
    """The shared transport for a client that closes its own after every visit."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._inner.handle_async_request(request)
