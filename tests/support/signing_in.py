"""A stack whose people sign in by GitHub: its users, a client that asks for tokens, and the way through GitHub's page."""

import asyncio
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import jwt
from chromium import Chromium
from native_stack import READ, Stack

from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.oauth_types import AuthorizationServer, Pkce, RegisteredClient

__all__ = ["PEOPLE", "SERVER", "Asking", "SignIn", "asking", "at_github"]

T = TypeVar("T")
# Whose word at GitHub is what it is: an address of a user of this realm, a login of another, no name.
PEOPLE = (
    {"login": "countess", "name": "Augusta King", "email": "ada@example.com"},
    {"login": "grace", "name": "Another Grace", "email": "another@example.org"},
    {"login": "mononym", "name": "Mononym", "email": "mononym@example.org"},
)
SERVER = "second"


@dataclass
class SignIn:
    """The stack, and what switches GitHub on in its realm."""

    stack: Stack
    environment: dict[str, str] = field(repr=False)

    @property
    def pages(self) -> str:
        """The server's pages of connected accounts."""
        return f"{self.stack.public_base}/{SERVER}/accounts"

    def user(self, username: str) -> dict[str, Any] | None:
        """A user of the realm as Keycloak keeps it, with its links to GitHub."""
        found = self.stack.admin.keycloak.get_users({"username": username, "exact": "true"})
        if not found:
            return None
        links = self.stack.admin.keycloak.get_user_social_logins(found[0]["id"])
        return {**found[0], "links": [link["userName"] for link in links]}


@dataclass
class Asking:
    """One client that asks for tokens: its requests, and what it makes of the answers. Outside of the browser's block."""

    sign_in: SignIn
    client: RegisteredClient
    server: AuthorizationServer
    redirect: str
    asked: dict[str, tuple[Pkce, str]] = field(default_factory=dict)

    def url(self, *scopes: str, resource: str) -> str:
        """An authorization request."""
        state, pkce = secrets.token_urlsafe(8), Pkce.new()
        self.asked[state] = (pkce, resource)
        return oauth_steps.authorize_url(
            self.server,
            client_id=self.client.client_id,
            redirect_uri=self.redirect,
            scopes=scopes,
            state=state,
            pkce=pkce,
            resource=resource,
        )

    def claims(self, target: str) -> dict[str, Any]:
        """The claims of the access token for the code of that callback."""
        answer = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        pkce, resource = self.asked[answer["state"]]

        async def exchange() -> str:
            outbound = self.sign_in.stack.target().outbound()
            try:
                tokens = await oauth_steps.exchange(
                    outbound,
                    self.server,
                    self.client,
                    code=answer["code"],
                    redirect_uri=self.redirect,
                    pkce=pkce,
                    resource=resource,
                )
            finally:
                await outbound.aclose()
            return tokens.access_token

        found: dict[str, Any] = jwt.decode(finished(exchange()), options={"verify_signature": False})
        return found


def finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of async work in a test that is none: Playwright's own interface is synchronous."""
    return asyncio.run(work)


def asking(sign_in: SignIn, port: int) -> Asking:
    """A client that just registered, with its listener on that port."""
    redirect = f"http://127.0.0.1:{port}/callback"
    target = replace(sign_in.stack.target(READ), mcp_url=sign_in.stack.status["servers"][SERVER])

    async def register() -> tuple[AuthorizationServer, RegisteredClient]:
        outbound = target.outbound()
        try:
            server = await oauth_steps.discover(outbound, target.mcp_url)
            return server, await oauth_steps.register(outbound, server, oauth_steps.registration_body(redirect))
        finally:
            await outbound.aclose()

    server, client = finished(register())
    return Asking(sign_in, client, server, redirect)


def at_github(browser: Chromium, login: str) -> None:
    """From Keycloak's page through GitHub's, as that user of GitHub."""
    browser.page.click("#social-github")
    browser.page.wait_for_url("**/login/oauth/authorize*")
    browser.page.locator("form", has=browser.page.locator(f"input[name=login][value={login}]")).locator(
        "button"
    ).click()
