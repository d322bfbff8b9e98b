"""Entry point of ``gatelodge``: builds the parser, runs one command, turns errors into words.

Exit codes: 0 done, 1 the work failed, 2 the command or the configuration is not usable, 3 not ready; as a shell counts
them, 130 for an interruption and 141 when nobody reads the output any more.
"""

import argparse
import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path

from gatelodge.cli import audit, clients, config, doctor, new, realm, serve, slo, stack, vault, verify
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
    for module in (stack, new, serve, realm, clients, doctor, verify, slo, vault, audit, config):
        module.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except GatelodgeError as error:
        print(f"gatelodge: {error.detail}\n  next step: {error.hint}", file=sys.stderr)
        return 2 if error.code in _UNUSABLE else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        if not _unread():
            raise
        return 141
    return code


def _unread() -> bool:
    """Whether standard output is closed at its other end; what is left for it is then dropped."""
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    if not any(event & select.POLLERR for _, event in watch.poll(0)):
        return False
    # Python flushes once more when it ends, and would complain.
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return True
