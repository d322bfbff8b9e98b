"""Entry point of ``gatelodge``: builds the parser, runs one command, turns errors into words.

Exit codes: 0 done, 1 the work failed, 2 the command or the configuration is not usable, 3 not ready.
"""

import argparse
import sys
from collections.abc import Sequence

from gatelodge.cli import clients, doctor, realm, serve, stack, verify
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["build_parser", "main"]

_UNUSABLE = {Code.SETTINGS_INVALID, Code.TOOL_UNDECLARED, Code.CORPUS_UNREADABLE}


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="gatelodge", description="Put any FastMCP server on the internet behind Traefik and Keycloak."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (stack, serve, realm, clients, doctor, verify):
        module.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except GatelodgeError as error:
        print(f"gatelodge: {error.detail}\n  next step: {error.hint}", file=sys.stderr)
        return 2 if error.code in _UNUSABLE else 1
    except KeyboardInterrupt:
        return 130
    return code
