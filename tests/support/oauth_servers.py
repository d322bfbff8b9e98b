"""Other people's OAuth servers as processes on loopback: strict rotation, rotation with leeway, GitHub and Slack.

They end with the block that started them, and with this process whatever happens to it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from npm_program import installed, until_listening

__all__ = ["CLIENT_SECRET", "OAuthServer", "emulated", "oauth_toolkit", "oidc_provider", "running"]

CLIENT_SECRET = "example-client-secret"
_PACKAGES = Path(__file__).parent / "npm_providers"
_READY_SECONDS = 60


@dataclass(frozen=True)
class OAuthServer:
    """A running server: where its token endpoint is, and ways around the browser."""

    url: str
    token_path: str

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return self.url + self.token_path

    def mint(self, client: str = "form") -> dict[str, Any]:
        """Access and refresh token of a new grant, as if a user had consented."""
        return self.get(f"/mint?{client}")

    def get(self, path: str, token: str | None = None) -> dict[str, Any]:
        """JSON of a GET; ``status`` of a refusal."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                found: dict[str, Any] = json.loads(answer.read())
                return found
        except urllib.error.HTTPError as error:
            error.close()
            return {"status": error.code}


@contextmanager
def oidc_provider(*redirects: str, issuer: str | None = None) -> Iterator[OAuthServer]:
    """oidc-provider: a refresh token works once, and its second use ends the whole grant. ``redirects``: our clients'.

    ``issuer`` is the name it gives itself (its own address when None), for one that stands behind another address.
    """
    node, folder = installed(_PACKAGES)
    shutil.copyfile(_PACKAGES / "oidc.mjs", folder / f"oidc.{os.getpid()}.mjs")
    try:
        given = {"REDIRECT_URIS": " ".join(redirects)} if redirects else {}
        given |= {"ISSUER": issuer} if issuer else {}
        with running([str(node), str(folder / f"oidc.{os.getpid()}.mjs")], **given) as port:
            yield OAuthServer(f"http://127.0.0.1:{port}", "/token")
    finally:
        (folder / f"oidc.{os.getpid()}.mjs").unlink(missing_ok=True)


@contextmanager
def oauth_toolkit(folder: Path) -> Iterator[OAuthServer]:
    """django-oauth-toolkit: a refresh token that was replaced gives the same new pair for ten minutes."""
    program = Path(__file__).with_name("toolkit_server.py")
    with running([sys.executable, str(program), str(folder / "toolkit.db")]) as port:
        yield OAuthServer(f"http://127.0.0.1:{port}", "/o/token/")


@contextmanager
def emulated(
    *services: str,
    redirect: str = "http://127.0.0.1/callback",
    sign_in: str | None = None,
    people: Sequence[Mapping[str, str]] = (),
) -> Iterator[list[str]]:
    """emulate's GitHub and Slack, in the order asked for; the base URL of each. ``redirect``: of our client there.

    ``{service}`` in it stands for the service's name.
    ``sign_in``: that of a second client at GitHub, ``gatelodge-sign-in``; ``people``: further users of GitHub.
    """
    node, folder = installed(_PACKAGES)
    first = _free_ports(len(services))
    command = [str(node), str(folder / "node_modules" / "emulate" / "dist" / "index.js"), "start"]
    seed = folder / f"seed.{os.getpid()}.yaml"
    planted = yaml.safe_load((_PACKAGES / "seed.yaml").read_text())
    for name in ("github", "slack"):
        planted[name]["oauth_apps"][0]["redirect_uris"] = [redirect.replace("{service}", name)]
    planted["github"]["users"] += [dict(person) for person in people]
    if sign_in is not None:
        client = {"client_id": "gatelodge-sign-in", "client_secret": CLIENT_SECRET, "name": "gatelodge sign-in"}
        planted["github"]["oauth_apps"].append(client | {"redirect_uris": [sign_in]})
    seed.write_text(yaml.safe_dump(planted))
    options = ["--service", ",".join(services), "--port", str(first), "--seed", str(seed)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        urls = [f"http://127.0.0.1:{first + number}" for number in range(len(services))]
        for number in range(len(services)):
            until_listening(process, first + number, "emulate", _READY_SECONDS)
        yield urls
    finally:
        process.kill()
        process.wait()


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[int]:
    """A program that prints its port and ends with its standard input."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"CLIENT_SECRET": CLIENT_SECRET} | environment,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.strip().isdecimal(), f"{command[-1]} did not start: {line}"
        yield int(line)
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    for _ in range(50):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + count < 65_000 and all(_free(first + number) for number in range(count)):
            return first
    raise RuntimeError("no free ports in a row")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
