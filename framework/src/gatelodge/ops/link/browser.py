"""A browser without a window: signs in at Keycloak and answers its consent page (RFC 6749, section 4.1.1 and 4.1.2).

Invariant: the password goes to the issuer's origin over TLS and nowhere else, at most once per call; every request but
the last stays on that origin; password, code and cookies reach no log, no error and no repr.
Not here: making the authorization request (``oauth_steps``), checking ``state`` and ``iss`` (the client's own duty).
"""

import ssl
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.core.urls import is_loopback, origin_of
from gatelodge.ops.link.pages import Form, Page, parse_page
from gatelodge.ops.link.quiet import quiet_wire

__all__ = ["CallbackParams", "ScriptedBrowser", "SignInFailed"]

# Sign-in, consent and the redirects between them are five requests; more is a loop.
_MAX_STEPS = 15


class SignInFailed(GatelodgeError):
    """The sign-in did not come to the redirect back to the client."""

    code = Code.LINK_FAILED


@dataclass(frozen=True, slots=True)
class CallbackParams:
    """What the final redirect tells the client: a code, or an error. ``location`` is the whole redirect URL."""

    code: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    iss: str | None = None
    error: str | None = None
    error_description: str | None = None
    location: str = field(default="", repr=False)

    @classmethod
    def of(cls, location: str) -> "CallbackParams":
        """The parameters of a redirect URL; one that comes twice is dropped (RFC 6749, section 3.1)."""
        found = parse_qs(urlsplit(location).query, keep_blank_values=True)
        single = {name: values[0] for name, values in found.items() if len(values) == 1}
        return cls(
            code=single.get("code"),
            state=single.get("state"),
            iss=single.get("iss"),
            error=single.get("error"),
            error_description=single.get("error_description"),
            location=location,
        )


class ScriptedBrowser:
    """One person at one browser: cookies stay from call to call, so a second ``authorize`` finds them signed in.

    ``issuer`` names the only origin that may get the password; without it, that is the origin of the URL given to
    ``authorize``. ``consent=False`` answers the consent page with no.
    """

    def __init__(
        self,
        ca_file: Path | str | None,
        username: str,
        password: Secret | str,
        consent: bool = True,
        *,
        issuer: str | None = None,
        timeout: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._username = username
        self._password = password if isinstance(password, Secret) else Secret(password)
        self._consent = consent
        self._origin = origin_of(issuer) if issuer else None
        self._timeout = timeout
        self._transport = transport
        self._cookies = CookieJar()

    async def authorize(self, url: str) -> CallbackParams:
        """Open an authorization URL, sign in, answer, and stop at the redirect to its ``redirect_uri``.

        Raises: SignInFailed.
        """
        redirect_uri = (parse_qs(urlsplit(url).query).get("redirect_uri") or [""])[0]
        visit = _Visit(self._origin or origin_of(url), redirect_uri)
        visit.check(url)
        try:
            with quiet_wire():
                async with self._client() as client:
                    return await self._follow(client, visit, url)
        except httpx2.HTTPError as error:
            raise SignInFailed(
                f"the authorization server at {visit.origin} did not answer: {type(error).__name__}: {error}"
            ) from error
        except (httpx2.InvalidURL, ValueError) as error:
            raise SignInFailed(f"the authorization server at {visit.origin} sent an unusable URL or page") from error

    async def deliver(self, url: str) -> CallbackParams:
        """``authorize``, then call the client's listener with the redirect. Only a loopback listener is called.

        Raises: SignInFailed.
        """
        answer = await self.authorize(url)
        target = urlsplit(answer.location)
        if target.scheme != "http" or not is_loopback(target.hostname or ""):
            raise SignInFailed(f"the redirect goes to {origin_of(answer.location)}, which is no loopback listener")
        try:
            with quiet_wire():
                async with httpx2.AsyncClient(timeout=self._timeout, trust_env=False) as client:
                    await client.get(answer.location)
        except httpx2.HTTPError as error:
            # The error's text may hold the URL and with it the code.
            raise SignInFailed(
                f"the client's listener at {origin_of(answer.location)} did not answer: {type(error).__name__}"
            ) from None
        return answer

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            verify=self._tls,
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
            cookies=self._cookies,
            transport=self._transport,
        )

    async def _follow(self, client: httpx2.AsyncClient, visit: "_Visit", url: str) -> CallbackParams:
        response = await client.get(url)
        password_sent = False
        for _ in range(_MAX_STEPS):
            location = response.headers.get("location")
            if response.is_redirect and location:
                target = urljoin(str(response.url), location)
                if visit.is_final(target):
                    return CallbackParams.of(target)
                visit.check(target)
                response = await client.get(target)
                continue
            page = parse_page(response.text)
            if page.login is not None:
                if password_sent:
                    raise SignInFailed(
                        f"sign-in refused for user {self._username!r}: {page.says}",
                        hint="Check the password; after several tries the account is locked for some minutes.",
                    )
                password_sent = True
                response = await self._submit(client, visit, response, page.login, self._credentials(page.login))
            elif page.consent is not None:
                answer = {"accept" if self._consent else "cancel": ""}
                response = await self._submit(client, visit, response, page.consent, answer)
            else:
                raise _unexpected(response, page)
        raise SignInFailed(f"no end after {_MAX_STEPS} pages of the authorization server")

    def _credentials(self, form: Form) -> dict[str, str]:
        filled = {"username": self._username} if "username" in form.fields else {}
        if form.password_field:
            filled[form.password_field] = self._password.reveal()
        return filled

    async def _submit(
        self, client: httpx2.AsyncClient, visit: "_Visit", response: httpx2.Response, form: Form, filled: dict[str, str]
    ) -> httpx2.Response:
        target = urljoin(str(response.url), form.action)
        visit.check(target)
        if form.method != "post":
            raise SignInFailed(f"a sign-in form uses {form.method!r}, which would put what it holds into the URL")
        return await client.post(target, data={**form.fields, **filled})


@dataclass(frozen=True, slots=True)
class _Visit:
    """The bounds of one visit: the only origin to talk to, and where it ends."""

    origin: str
    redirect_uri: str

    def check(self, url: str) -> None:
        """Refuse a URL off the issuer's origin, or one without TLS. Raises: SignInFailed."""
        if origin_of(url) != self.origin:
            raise SignInFailed(
                f"the sign-in leads to {origin_of(url)}, but the issuer is at {self.origin}; nothing was sent there",
                hint="Make the issuer's metadata and its hostname setting name the same origin.",
            )
        if urlsplit(url).scheme != "https":
            raise SignInFailed(f"the sign-in at {self.origin} is not https; the password is not sent")

    def is_final(self, url: str) -> bool:
        """Whether a redirect target is the client's redirect URI, its query aside."""
        if not self.redirect_uri:
            return False
        want, have = urlsplit(self.redirect_uri), urlsplit(url)
        return (want.scheme, want.netloc, want.path or "/") == (have.scheme, have.netloc, have.path or "/")


def _unexpected(response: httpx2.Response, page: Page) -> SignInFailed:
    """The error for a page that is neither sign-in nor consent."""
    where = urlsplit(str(response.url)).path
    return SignInFailed(
        f"the authorization server answered {response.status_code} at {where}: {page.says}",
        hint="Compare client_id and redirect_uri with what was registered; Keycloak's log names the event.",
    )
