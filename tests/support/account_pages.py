"""A person with a browser at a server's pages of connected accounts, whose forms are found and sent as they are."""

import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2

from gatelodge.ops.link.pages import parse_page

__all__ = ["Person", "person"]

_MAX_STEPS = 15


@dataclass
class Person:
    """One browser. ``pages`` is where the accounts are, such as https://localhost:8443/workspace/accounts."""

    http: httpx2.AsyncClient = field(repr=False)
    pages: str
    username: str
    password: str = field(repr=False)

    async def sign_in(self) -> httpx2.Response:
        """Open the pages and sign in; the page of accounts."""
        page = await self.open(f"{self.pages}/sign-in")
        form = parse_page(page.text).login
        assert form is not None, page.text
        filled = {**form.fields, "username": self.username, "password": self.password}
        return await self._follow(await self.http.post(urljoin(str(page.url), form.action), data=filled))

    async def send(self, page: httpx2.Response, action: str, **fields: str) -> httpx2.Response:
        """Send the form with that action, as a browser does; where it ends."""
        form = re.search(rf'<form[^>]*action="[^"]*{re.escape(action)}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
        assert form is not None, f"no form {action} in {page.text}"
        hidden = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', form[1]))
        target = urljoin(str(page.url), re.search(r'action="([^"]*)"', form[0])[1])  # type: ignore[index]
        headers = {"origin": "{0.scheme}://{0.netloc}".format(urlsplit(str(page.url))), "sec-fetch-site": "same-origin"}
        return await self._follow(await self.http.post(target, data={**hidden, **fields}, headers=headers))

    async def link_github(self, page: httpx2.Response, login: str = "octocat") -> httpx2.Response:
        """Press "Link GitHub", consent at the emulated GitHub as ``login``; the page that comes back."""
        consent = await self.send(page, "/github/link")
        hidden = {
            name: unescape(value) for name, value in re.findall(r'name="([a-z_]+)" value="([^"]*)"', consent.text)
        }
        asked = dict(httpx2.URL(str(consent.url)).params)
        # The page has one form for each user that can be chosen.
        base = "{0.scheme}://{0.netloc}".format(urlsplit(str(consent.url)))
        answer = {**hidden, **{k: asked[k] for k in ("redirect_uri", "state", "scope", "client_id")}, "login": login}
        return await self._follow(await self.http.post(f"{base}/login/oauth/callback", data=answer))

    async def link(self, page: httpx2.Response, provider: str, answers: Mapping[str, str]) -> httpx2.Response:
        """Press "Link", send the first form of each page of the provider, filled by ``answers``; where it ends."""
        shown = await self.send(page, f"/{provider}/link")
        for _ in range(_MAX_STEPS):
            if str(shown.url).startswith(self.pages):
                break
            forms = parse_page(shown.text).forms
            assert forms, f"{shown.status_code} {shown.url}: {shown.text}"
            form = forms[0]
            filled = {
                **form.fields,
                **{name: value for name, value in answers.items() if f'name="{name}"' in shown.text},
            }
            shown = await self._follow(await self.http.post(urljoin(str(shown.url), form.action), data=filled))
        return shown

    async def open(self, url: str) -> httpx2.Response:
        """Visit an address."""
        return await self._follow(await self.http.get(url))

    async def _follow(self, response: httpx2.Response) -> httpx2.Response:
        for _ in range(_MAX_STEPS):
            target = response.headers.get("location") if response.is_redirect else None
            onward = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', response.text)
            if target is None and onward is None:
                return response
            response = await self.http.get(urljoin(str(response.url), target or unescape(onward[1])))  # type: ignore[index]
        raise AssertionError("redirects do not end")


@asynccontextmanager
async def person(pages: str, ca_file: Path, username: str, password: str) -> AsyncIterator[Person]:
    """A browser without cookies."""
    tls = ssl.create_default_context(cafile=str(ca_file))
    async with httpx2.AsyncClient(verify=tls, timeout=60, trust_env=False) as http:
        yield Person(http, pages, username, password)
