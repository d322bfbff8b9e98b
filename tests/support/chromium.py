"""A real browser, driven through its DevTools protocol: for what only a browser does with pages and cookies."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from websockets.sync.client import ClientConnection, connect

__all__ = ["Chromium", "chromium"]

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=900,900",
    # The stack's own authority is made for one run.
    "--ignore-certificate-errors",
)


class Chromium:
    """One page. Every wait ends with an error after half a minute."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        # What the browser said to a developer: refused frames, forms, scripts.
        self.said: list[str] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(timeout=30))
            if message.get("method") == "Log.entryAdded":
                self.said.append(message["params"]["entry"]["text"])
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def open(self, url: str) -> None:
        """Go to an address, as from the address bar."""
        self.call("Page.navigate", url=url)

    def until(self, expression: str) -> None:
        """Wait until an expression is true in a page that is loaded."""
        deadline = time.monotonic() + 30
        while True:
            if self.run(f"document.readyState === 'complete' && !!({expression})"):
                return
            assert time.monotonic() < deadline, f"not in time: {expression}\n{self.address}\n{self.text[:2000]}"
            # Containers that start or stop on this machine change its interfaces, and the browser drops what it loads.
            if "ERR_NETWORK_CHANGED" in self.text:
                self.call("Page.reload")
            time.sleep(0.05)

    @property
    def address(self) -> str:
        """Where the page is."""
        return str(self.run("location.href"))

    @property
    def text(self) -> str:
        """What the page shows."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def picture(self, path: Path) -> None:
        """A screenshot of the page."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium(profile: Path) -> Iterator[Chromium]:
    """A new browser with a new profile; the test is skipped where there is none."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        pytest.skip("no chromium on this machine: the pages are not tried in a real browser")
    with subprocess.Popen(
        [binary, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            with connect(_page_of(profile, process), max_size=None, proxy=None) as connection:
                page = Chromium(connection)
                page.call("Page.enable")
                page.call("Log.enable")
                yield page
        finally:
            process.terminate()
            process.wait(20)


def _page_of(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    """The address of the page in the protocol."""
    written, deadline = profile / "DevToolsActivePort", time.monotonic() + 40
    while not written.exists() or "\n" not in written.read_text():
        assert process.poll() is None, "the browser ended at once"
        assert time.monotonic() < deadline, "the browser did not start"
        time.sleep(0.05)
    port = int(written.read_text().splitlines()[0])
    with urlopen(f"http://127.0.0.1:{port}/json", timeout=20) as answer:
        pages = json.load(answer)
    return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))
