"""``gatelodge clients``: the realm's clients looked at, cleaned up, and made for products that cannot register."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gatelodge.ops.clients.place import Place
    from gatelodge.registration.keycloak_clients import KeycloakClients
    from gatelodge.registration.reaper import SweepReport

__all__ = ["add_commands"]

# argparse has no public name for what add_subparsers returns.
Subparsers = argparse._SubParsersAction
T = TypeVar("T")

PRODUCTS = ("chatgpt", "claude", "claude-code", "vscode", "cursor", "codex", "inspector")


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``clients list``, ``show``, ``reap`` and ``add``."""
    clients = commands.add_parser("clients", help="the clients of the realm: list, show, reap, add")
    actions = clients.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all clients, with who made them and their sessions")
    listing.add_argument("--json", action="store_true", help="machine-readable")
    listing.set_defaults(run=_list)
    show = actions.add_parser("show", help="one client")
    show.add_argument("client_id", metavar="CLIENT_ID")
    show.add_argument("--json", action="store_true", help="machine-readable")
    show.set_defaults(run=_show)
    reap = actions.add_parser("reap", help="remove the clients that nobody uses, as the desk does every hour")
    reap.add_argument("--dry-run", action="store_true", help="say which ones, and remove none")
    reap.set_defaults(run=_reap)
    add = actions.add_parser("add", help="make a client for a product and print what to type into its dialog")
    add.add_argument("product", choices=PRODUCTS, metavar="PRODUCT", help=f"one of {', '.join(PRODUCTS)}")
    add.add_argument("--secret", action="store_true", help="with a client secret (default: a public client)")
    add.add_argument("--name", help="name on the consent page; also makes a second client of the same product")
    add.add_argument("--redirect", action="append", metavar="URI", help="instead of the product's own; repeatable")
    add.add_argument("--mcp-url", metavar="URL", help="the MCP URL to print (the local stack's)")
    add.set_defaults(run=_add)
    for command in (listing, show, reap, add):
        command.add_argument(
            "--state-dir",
            type=Path,
            help="state folder of a local stack (.gatelodge, unless the desk's variables are set)",
        )


def _list(given: argparse.Namespace) -> int:
    from gatelodge.ops.clients.listing import list_clients, render_list

    listed = _with_clients(_place(given), list_clients)
    print(json.dumps([client.document() for client in listed], indent=2) if given.json else render_list(listed))
    return 0


def _show(given: argparse.Namespace) -> int:
    from gatelodge.ops.clients.listing import render_client, show_client

    listed = _with_clients(_place(given), lambda clients: show_client(clients, given.client_id))
    print(json.dumps(listed.document(), indent=2) if given.json else render_client(listed))
    return 0


def _reap(given: argparse.Namespace) -> int:
    from gatelodge.core.clock import SystemClock
    from gatelodge.ops.audit.administration import administered
    from gatelodge.registration.reaper import sweep

    place = _place(given)

    def swept() -> "SweepReport":
        return _with_clients(
            place,
            lambda clients: sweep(clients, policy=place.reaping, now=SystemClock().now(), dry_run=given.dry_run),
        )

    if given.dry_run:
        report = swept()
    else:
        with administered("admin.client", action="reap") as told:
            report = swept()
            told["removed"] = len(report.removed)
    for removal in report.removed:
        print(f"{'would remove' if given.dry_run else 'removed'} {removal.client_id} ({removal.why}) {removal.name}")
    kept = report.clients - len(report.removed)
    print(
        f"{report.clients} clients: {len(report.removed)} to remove, {kept} stay" if given.dry_run else f"{kept} stay"
    )
    if report.unfinished:
        print("not all were looked at: run it again to go on")
    return 0


def _add(given: argparse.Namespace) -> int:
    from gatelodge.core.clock import SystemClock
    from gatelodge.ops.audit.administration import administered
    from gatelodge.ops.clients.add import add_client

    place = _place(given)
    clock = SystemClock()

    async def make(clients: "KeycloakClients") -> str:
        return await add_client(
            clients,
            place,
            given.product,
            now=clock.now(),
            confidential=given.secret,
            name=given.name,
            redirects=tuple(given.redirect or ()),
            mcp_url=given.mcp_url,
        )

    with administered("admin.client", action="add", product=given.product):
        done = _with_clients(place, make)
    print(done)
    return 0


def _place(given: argparse.Namespace) -> "Place":
    from gatelodge.ops.clients.place import find_place

    return find_place(given.state_dir)


def _with_clients(place: "Place", work: "Callable[[KeycloakClients], Awaitable[T]]") -> T:
    from gatelodge.core.clock import SystemClock
    from gatelodge.ops.clients.place import opened

    async def run() -> T:
        async with opened(place, SystemClock()) as clients:
            return await work(clients)

    return asyncio.run(run())
