"""``gatelodge verify``: any MCP server from outside, as one of the known clients."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret

if TYPE_CHECKING:
    from gatelodge.ops.verify.local import LocalStack
    from gatelodge.ops.verify.run import Verification

__all__ = ["add_commands"]

Subparsers = argparse._SubParsersAction

# The names of the profiles: the parser must not load the operators' work for every command.
_CLIENTS = ("chatgpt", "claude", "claude-code", "vscode", "cursor", "inspector")
_COULD_NOT_RUN = 2


class _CannotVerify(GatelodgeError):
    """The command line gives nothing that can be verified."""

    code = Code.SETTINGS_INVALID


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``verify``."""
    verify = commands.add_parser("verify", help="check an MCP server from outside, as ChatGPT or another client")
    verify.add_argument("url", metavar="URL", help="the MCP URL, exactly as a user types it")
    verify.add_argument(
        "--as", dest="client", choices=_CLIENTS, default="chatgpt", help="the client to act as (chatgpt)"
    )
    verify.add_argument("--json", action="store_true", help="print the report as JSON")
    verify.add_argument("--junit", type=Path, metavar="FILE", help="write the report as JUnit XML too")
    verify.add_argument("--html", type=Path, metavar="FILE", help="write the report as one HTML page too")
    verify.add_argument("--ca-file", type=Path, help="PEM file of the authority to trust, in place of the machine's")
    verify.add_argument("--user", metavar="NAME", help="user who signs in, by a script")
    verify.add_argument("--password-file", type=Path, help="file with that user's password")
    verify.add_argument("--issuer", metavar="URL", help="the only issuer that may get the password")
    verify.add_argument("--browser", action="store_true", help="sign in by your own browser instead")
    verify.add_argument("--client-id", metavar="ID", help="a predefined client in place of a registered one")
    verify.add_argument("--client-secret-file", type=Path, help="file with the predefined client's secret")
    verify.add_argument("--client-document-url", metavar="URL", help="a client-id metadata document of your own")
    verify.add_argument("--query", help="words that a search should find")
    verify.add_argument("--slow-tool", metavar="NAME", help="a tool without required arguments that reports progress")
    verify.add_argument("--check", action="append", metavar="ID", help="only this check, such as A3-root; repeatable")
    verify.add_argument("--long", action="store_true", help="also what takes minutes or hours")
    verify.add_argument("--state-dir", type=Path, help="state folder of the local stack that serves URL")
    verify.set_defaults(run=_verify)


def _verify(given: argparse.Namespace) -> int:
    try:
        report = asyncio.run(_run(given))
        _write(given, report)
    except GatelodgeError as error:
        print(f"gatelodge: {error.detail}\n  next step: {error.hint}", file=sys.stderr)
        return _COULD_NOT_RUN
    return report.exit_code


async def _run(given: argparse.Namespace) -> "Verification":
    from contextlib import AsyncExitStack

    from gatelodge.core.clock import SystemClock
    from gatelodge.ops.verify.callback import listening
    from gatelodge.ops.verify.catalogue import CHECKS
    from gatelodge.ops.verify.profiles import PROFILES
    from gatelodge.ops.verify.run import SignInFor, verify
    from gatelodge.ops.verify.session import Target
    from gatelodge.ops.verify.signin import PersonSignIn, ScriptedSignIn
    from gatelodge.ops.verify.transport import check_reachable, negotiated, open_transport

    _check(given)
    stack = _local(given)
    ca_file = given.ca_file or (stack.ca_file if stack else None)
    if ca_file is not None and not ca_file.is_file():
        raise _CannotVerify(f"--ca-file {ca_file} is no file", hint="Give a PEM file.")
    username, password = _user(given, stack)
    issuer = given.issuer or (stack.issuer if stack else None)
    transport = open_transport(ca_file)
    await check_reachable(given.url)
    async with AsyncExitStack() as parts:
        documents = await parts.enter_async_context(stack.documents(SystemClock())) if stack else None
        target = Target(
            url=given.url,
            client_id=given.client_id,
            client_secret=_secret(given.client_secret_file),
            document_url=given.client_document_url,
            documents=documents,
            query=given.query or ("gatelodge" if stack else "the"),
            slow_tool=given.slow_tool,
            long=given.long,
        )
        sign_in: SignInFor | None = None
        if given.browser:
            listener = await parts.enter_async_context(listening())
            sign_in = lambda _: PersonSignIn(listener, _say)  # noqa: E731 - one line for one person
        elif username and password:
            sign_in = lambda transport: ScriptedSignIn(username, password, issuer, transport)  # noqa: E731
        return await verify(
            target,
            PROFILES[given.client],
            transport=transport,
            sign_in=sign_in,
            secrets=[secret.reveal() for secret in (password, target.client_secret) if secret],
            remove=stack.remove if stack else None,
            tls=await negotiated(given.url, ca_file),
            checks=[check for check in CHECKS if not given.check or check.id in given.check],
        )


def _check(given: argparse.Namespace) -> None:
    """Raises: _CannotVerify, for a command line that cannot be meant so."""
    from urllib.parse import urlsplit

    from gatelodge.ops.verify.catalogue import CHECKS

    try:
        parts = urlsplit(given.url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise _CannotVerify(f"{given.url!r} is no http(s) URL", hint="Give the MCP URL, such as https://host/mcp.")
    if unknown := {*(given.check or ())} - {check.id for check in CHECKS}:
        raise _CannotVerify(
            f"--check: no such check: {', '.join(sorted(unknown))}", hint="docs/reference/verify.md lists them."
        )
    if bool(given.user) != bool(given.password_file):
        raise _CannotVerify("--user and --password-file belong together", hint="Give both, or --browser.")
    if given.browser and given.user:
        raise _CannotVerify("--browser and --user are two ways to sign in", hint="Give one of them.")
    if given.client_secret_file and not given.client_id:
        raise _CannotVerify("--client-secret-file needs --client-id", hint="Give the predefined client's id too.")


def _local(given: argparse.Namespace) -> "LocalStack | None":
    from gatelodge.ops.stack.layout import CheckoutMissing, layout_here
    from gatelodge.ops.verify.local import local_stack

    try:
        layout = layout_here(given.state_dir)
    except CheckoutMissing:
        return None
    found = local_stack(layout, None if given.state_dir else given.url)
    if found is None and given.state_dir:
        raise _CannotVerify(
            f"no stack runs in {given.state_dir}", hint="gatelodge up starts one; leave --state-dir out otherwise."
        )
    return found


def _user(given: argparse.Namespace, stack: "LocalStack | None") -> tuple[str | None, Secret | None]:
    if given.user:
        return given.user, _secret(given.password_file)
    return (stack.username, stack.password) if stack else (None, None)


def _secret(path: Path | None) -> Secret | None:
    if path is None:
        return None
    try:
        return Secret(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise _CannotVerify(f"{path} cannot be read: {error}", hint="Give a readable text file.") from error


def _write(given: argparse.Namespace, report: "Verification") -> None:
    from gatelodge.ops.verify.report.document import as_json
    from gatelodge.ops.verify.report.html import as_html
    from gatelodge.ops.verify.report.junit import as_junit
    from gatelodge.ops.verify.report.text import as_text

    forms: list[tuple[Path | None, Callable[[Verification], str]]] = [(given.junit, as_junit), (given.html, as_html)]
    for path, form in forms:
        if path is None:
            continue
        try:
            path.write_text(form(report), encoding="utf-8")
        except OSError as error:
            raise _CannotVerify(
                f"{path} cannot be written: {error}", hint="Give a file in a writable folder."
            ) from error
    print(as_json(report) if given.json else as_text(report), end="")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
