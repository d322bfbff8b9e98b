"""A real browser, Debian's Chromium driven by Playwright: for what only a browser does with pages and cookies."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Playwright, sync_playwright

__all__ = ["Chromium", "chromium"]

_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Where pictures are kept after the run; without it they go with the test's own folder.
_PICTURES = "TEST_PICTURES"
_MOST_MILLISECONDS = 60_000


class Chromium:
    """One page. Every wait ends with an error after a minute. ``page`` is Playwright's own."""

    def __init__(self, playwright: Playwright, context: BrowserContext, folder: Path) -> None:
        self._playwright = playwright
        self.page = context.pages[0] if context.pages else context.new_page()
        self._session = context.new_cdp_session(self.page)
        self._folder = folder
        # What the browser said to a developer: refused frames, forms, scripts.
        self.said: list[str] = []
        self.page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        self.said.append(message.text)

    def beside(self, profile: Path) -> AbstractContextManager["Chromium"]:
        """Another person's browser, while this one is open."""
        return _launched(self._playwright, profile)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the browser's own protocol."""
        return dict(self._session.send(method, params))

    def run(self, expression: str) -> Any:
        """The value of an expression in the page, whatever the page's policy says of scripts."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def open(self, url: str) -> None:
        """Go to an address, as from the address bar."""
        self.call("Page.navigate", url=url)

    def until(self, expression: str) -> None:
        """Wait until an expression is true in a page that is loaded."""
        deadline = time.monotonic() + _MOST_MILLISECONDS / 1000
        while True:
            if self._asked(f"document.readyState === 'complete' && !!({expression})"):
                return
            assert time.monotonic() < deadline, f"not in time: {expression}\n{self.address}\n{self.text[:2000]}"
            # Containers that start or stop on this machine change its interfaces, and the browser drops what it loads.
            if self._asked("!!document.body && document.body.innerText.includes('ERR_NETWORK_CHANGED')"):
                self.call("Page.reload")
            # Playwright's own wait: what the browser says meanwhile is heard.
            self.page.wait_for_timeout(50)

    def heard(self, words: str) -> list[str]:
        """What the browser said to a developer with these words in it; waits for the first."""
        deadline = time.monotonic() + _MOST_MILLISECONDS / 1000
        while not (found := [text for text in self.said if words in text]):
            assert time.monotonic() < deadline, f"not said: {words}\n{self.said}"
            self.page.wait_for_timeout(50)
        return found

    def _asked(self, question: str) -> bool:
        """The answer of the page; no, while the browser goes from one page to the next."""
        try:
            return bool(self.run(question))
        except Error as error:
            if not re.search("navigated|execution context", error.message, re.IGNORECASE):
                raise
            return False

    @property
    def address(self) -> str:
        """Where the page is."""
        return str(self.run("location.href"))

    @property
    def text(self) -> str:
        """What the page shows."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def picture(self, name: str) -> Path:
        """A screenshot of the page, kept under that name."""
        path = self._folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png"
        self.page.screenshot(path=path)
        return path


@contextmanager
def chromium(profile: Path) -> Iterator[Chromium]:
    """A new browser with a new profile; the test is skipped where there is none. Not within a running event loop."""
    with sync_playwright() as playwright, _launched(playwright, profile) as browser:
        yield browser


@contextmanager
def _launched(playwright: Playwright, profile: Path) -> Iterator[Chromium]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        pytest.skip("no chromium on this machine: the pages are not tried in a real browser")
    pictures = Path(os.environ.get(_PICTURES) or profile.parent / "pictures")
    pictures.mkdir(parents=True, exist_ok=True)
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=binary,
        headless=True,
        args=list(_OPTIONS),
        viewport={"width": 900, "height": 900},
        # The stack's own authority is made for one run.
        ignore_https_errors=True,
        timeout=_MOST_MILLISECONDS,
    )
    context.set_default_timeout(_MOST_MILLISECONDS)
    try:
        yield Chromium(playwright, context, pictures)
    finally:
        context.close()
