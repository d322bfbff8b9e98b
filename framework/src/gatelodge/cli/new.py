"""``gatelodge new`` and ``gatelodge vendor``: a new server from the template, and our wheel and locks made anew in one."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatelodge.ops.scaffold.parameters import Parameters

__all__ = ["add_commands"]

# argparse has no public name for what add_subparsers returns.
Subparsers = argparse._SubParsersAction

_AUTH_MODE, _TOKEN_STORE = "keycloak", "env"


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``new`` and ``vendor``."""
    new = commands.add_parser("new", help="make a new server: tools, tests, image, compose file, scripts")
    new.add_argument("name", metavar="NAME", help="such as team-notes: names folder, package, scopes and path")
    new.add_argument("--folder", type=Path, metavar="DIR", help="folder to make (NAME here)")
    new.add_argument(
        "--auth-mode",
        metavar="MODE",
        help="how callers sign in: keycloak, cloudflare, both or bearer (keycloak)",
    )
    new.add_argument(
        "--token-store",
        metavar="STORE",
        help="where tokens of other services are kept: env, sqlite or postgres (env)",
    )
    new.add_argument("--wheel", type=Path, metavar="FILE", help="gatelodge's wheel (built from the checkout)")
    new.add_argument("--yes", action="store_true", help="ask nothing, take the defaults")
    new.set_defaults(run=_new)
    vendor = commands.add_parser("vendor", help="put gatelodge's wheel and locks for it into a server's folder")
    vendor.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the server")
    vendor.add_argument("--wheel", type=Path, metavar="FILE", help="gatelodge's wheel (built from the checkout)")
    vendor.set_defaults(run=_vendor)


def _new(given: argparse.Namespace) -> int:
    from gatelodge.ops.scaffold.create import create
    from gatelodge.ops.scaffold.parameters import named

    # The name first: nobody should answer questions for nothing.
    named(given.name)
    parameters = named(
        given.name,
        auth_mode=given.auth_mode
        or _asked(given, "How do callers sign in? keycloak, cloudflare, both, bearer", _AUTH_MODE),
        token_store=given.token_store
        or _asked(given, "Where are tokens of other services kept? env, sqlite, postgres", _TOKEN_STORE),
    )
    folder: Path = given.folder or Path(given.name)
    made = create(parameters, folder.absolute(), wheel=given.wheel)
    print(f"made {folder} ({len(made)} files)\n\n{_next_steps(parameters, folder)}")
    return 0


def _vendor(given: argparse.Namespace) -> int:
    from gatelodge.ops.scaffold.create import vendor

    wheel = vendor(given.folder, wheel=given.wheel)
    locks = "requirements.lock, requirements-dev.lock, tools.lock"
    print(f"{given.folder / 'vendor' / wheel.name} (sha256 {wheel.sha256}), {locks}")
    return 0


def _asked(given: argparse.Namespace, question: str, default: str) -> str:
    if given.yes or not sys.stdin.isatty():
        return default
    return input(f"{question} [{default}] ").strip() or default


def _next_steps(parameters: "Parameters", folder: Path) -> str:
    from gatelodge.ops.scaffold.wheel import our_checkout

    up = "gatelodge up" if our_checkout() else "in a checkout of gatelodge: gatelodge up"
    return "\n".join(
        [
            "Next:",
            f"  1. {folder}/scripts/test",
            f"  2. write your tools in {folder}/src/{parameters.package}/server.py",
            f"  3. {up} --server {folder}",
            f"  4. link a client to https://localhost:8443{parameters.path}",
            f"{folder}/README.md goes on from there.",
        ]
    )
