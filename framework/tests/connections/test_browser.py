"""The pages in a real browser: a page of another site changes nothing, our own form works, and nothing is framed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from accounts_site import ISSUER, Site, accounts_site
from chromium import Chromium, chromium
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from vaults import Vault, canary

from gatelodge.connections.sessions import SignedIn
from gatelodge.core.secret import Secret
from gatelodge.vault.owner import Owner

COOKIE = "gatelodge-session"
PATHS = ("github/unlink", "github/link", "sign-out")


@asynccontextmanager
async def serving(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    """The application on a real socket of loopback."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def hostile(target: str, csrf: str) -> Starlette:
    """A page of another site that knows even the token of the form."""

    async def page(request: Request) -> Response:
        path = request.query_params["path"]
        form = f'<form method=post action="{target}/accounts/{path}"><input name=csrf value="{csrf}"></form>'
        return HTMLResponse(f"{form}<script>document.forms[0].submit()</script>")

    async def frame(_: Request) -> Response:
        return HTMLResponse(f'<title>framing</title><iframe src="{target}/accounts"></iframe>')

    return Starlette(routes=[Route("/", page), Route("/frame", frame)])


def in_browser(profile: Path, origin: str, evil: str, cookie: str) -> dict[str, str]:
    """A new browser, used in the thread that started it: Playwright asks for that."""
    with chromium(profile) as page:
        return try_it(page, origin, evil, cookie)


def try_it(page: Chromium, origin: str, evil: str, cookie: str) -> dict[str, str]:
    """What the browser shows after each attempt."""
    page.call("Network.enable")
    page.call(
        "Network.setCookie",
        name=COOKIE,
        value=cookie,
        url=origin,
        path="/",
        httpOnly=True,
        sameSite="None",
        secure=True,
    )
    seen = {}
    page.open(f"{origin}/accounts")
    page.until("document.body.innerText.includes('Signed in as')")
    for path in PATHS:
        page.open(f"{evil}/?path={path}")
        page.until("document.body.innerText.includes('That did not work')")
        seen[path] = page.text
    page.open(f"{evil}/frame")
    page.until("document.title === 'framing' && window.length === 1")
    seen["framed"] = " ".join(page.heard("frame"))
    page.open(f"{origin}/accounts")
    page.until("document.body.innerText.includes('octocat')")
    page.run("document.querySelector('details').open = true")
    page.run("document.querySelector('form[action$=unlink] button').click()")
    page.until("document.body.innerText.includes('GitHub is not linked any more.')")
    seen["own"] = page.text
    seen["style"] = page.run("getComputedStyle(document.querySelector('main')).maxWidth")
    return seen


async def test_a_page_of_another_site_changes_nothing_in_a_real_browser(vault: Vault, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours, socket.create_server(("127.0.0.1", 0)) as theirs:
        origin = f"http://localhost:{ours.getsockname()[1]}"
        evil = f"http://127.0.0.1:{theirs.getsockname()[1]}"
        async with accounts_site(vault, public_url=f"{origin}/mcp", origin=origin) as site:
            name, session = await signed_in(site)
            other = hostile(origin, session)
            async with serving(site.app, ours), serving(other, theirs):
                seen = await asyncio.to_thread(in_browser, tmp_path / "profile", origin, evil, name)
            assert not await site.linked("alice")
    for path in PATHS:
        assert "csrf_refused" in seen[path], path
    assert seen["style"] == "672px"
    assert "frame" in seen["framed"], seen["framed"]


async def signed_in(site: Site) -> tuple[str, str]:
    """A session with a linked account: the cookie, and the token of its forms."""
    who = SignedIn(ISSUER, "alice", "alice", Secret("token"))
    name, session = await site.parts.sessions.begin(who)
    owner = Owner(ISSUER, "alice", "github")
    await site.vault.store.put(owner, {"api_token": canary("a")}, actor="user:1", account_name="octocat")
    return name.reveal(), session.csrf.reveal()
