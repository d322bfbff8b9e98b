"""``gatelodge realm``: the realm of ``infra/keycloak`` for a deployment."""

import argparse
import sys
from pathlib import Path

__all__ = ["add_commands"]

# argparse has no public name for what add_subparsers returns.
Subparsers = argparse._SubParsersAction


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``realm render``."""
    realm = commands.add_parser("realm", help="the Keycloak realm as code")
    actions = realm.add_subparsers(metavar="ACTION", required=True)
    render = actions.add_parser("render", help="print the realm as JSON that Keycloak imports (no users in it)")
    render.add_argument("--public-url", required=True, metavar="URL", help="scheme and host, https://mcp.example.com")
    render.add_argument("--folder", type=Path, default=Path("infra/keycloak"), help="the realm's files")
    render.add_argument("--output", type=Path, help="write to this file instead of standard output")
    render.set_defaults(run=_render)


def _render(options: argparse.Namespace) -> int:
    from gatelodge.ops.realm.render import render_text

    text = render_text(options.folder, public_base=options.public_url, output=options.output)
    if options.output is None:
        sys.stdout.write(text)
    return 0
