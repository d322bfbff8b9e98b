"""``gatelodge up``, ``down`` and ``status``: the native stack of a checkout."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatelodge.ops.stack.layout import Layout

__all__ = ["add_commands"]

Subparsers = argparse._SubParsersAction

_NOT_READY = 3


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``up``, ``down`` and ``status``."""
    up = commands.add_parser("up", help="start Traefik, Keycloak, the desk and a server, and link once as a client")
    up.add_argument("--port", type=_port, default=8443, help="Traefik's port, https://localhost:PORT (8443)")
    up.add_argument(
        "--public-url", metavar="URL", help="origin that a tunnel to Traefik gives it, https://mcp.example.com"
    )
    up.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="address Traefik listens on (127.0.0.1)")
    for part in ("keycloak", "desk", "server"):
        up.add_argument(f"--{part}-port", type=_port, help=f"internal port of the {part} (a free one)")
    up.add_argument("--app", default="sample:app", metavar="MODULE:APP", help="the server to run (sample:app)")
    up.add_argument(
        "--server",
        action="append",
        type=Path,
        metavar="FOLDER",
        help="a further server, below a path of its own: a folder with a gatelodge.yaml; repeatable",
    )
    up.add_argument(
        "--with",
        dest="bundled",
        action="append",
        metavar="NAME",
        help="a further server of this checkout, by its name: servers/NAME-mcp (toolbox, workspace); repeatable",
    )
    up.add_argument("--no-link", dest="link", action="store_false", help="do not link once when up")
    up.add_argument(
        "--no-prometheus", dest="prometheus", action="store_false", help="do not run Prometheus, where it is installed"
    )
    up.add_argument("--detach", action="store_true", help="run in the background; gatelodge down stops it")
    # What a detached start runs: the same without the table, whose passwords have no place in a log.
    up.add_argument("--no-table", dest="table", action="store_false", help=argparse.SUPPRESS)
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="stop the stack of this checkout")
    down.set_defaults(run=_down)
    status = commands.add_parser("status", help="show the stack; exit code 0 only when it is ready, else 3")
    status.add_argument("--json", action="store_true", help="machine-readable, with the test users' passwords")
    status.set_defaults(run=_status)
    for command in (up, down, status):
        command.add_argument("--state-dir", type=Path, help="state folder (.gatelodge in the checkout)")


def _up(given: argparse.Namespace) -> int:
    # Imported here: a server process must load nothing of the operators' work.
    from gatelodge.core.clock import SystemClock
    from gatelodge.ops.stack.attach import detach
    from gatelodge.ops.stack.layout import cache_folder
    from gatelodge.ops.stack.options import StackOptions
    from gatelodge.ops.stack.servers import bundled, read_servers
    from gatelodge.ops.stack.up import up

    layout = _layout(given)
    options = StackOptions(
        layout=layout,
        port=given.port,
        bind=given.bind,
        keycloak_port=given.keycloak_port,
        desk_port=given.desk_port,
        server_port=given.server_port,
        application=given.app,
        link=given.link,
        public_url=given.public_url,
        prometheus=given.prometheus,
        servers=read_servers([*bundled(layout.checkout, given.bundled or ()), *(given.server or ())]),
    )
    clock = SystemClock()
    if given.detach:
        command = [sys.executable, "-m", "gatelodge", "up", "--no-table", *options.arguments()]
        return detach(options.layout, command, _say, clock=clock)
    return up(options, cache=cache_folder(), clock=clock, report=_say, table=given.table)


def _down(given: argparse.Namespace) -> int:
    from gatelodge.core.clock import SystemClock
    from gatelodge.ops.stack.down import down

    return down(_layout(given), _say, clock=SystemClock())


def _status(given: argparse.Namespace) -> int:
    from gatelodge.ops.stack.status import read_status
    from gatelodge.ops.stack.table import render_status

    status = read_status(_layout(given))
    print(json.dumps(status.document(), indent=2) if given.json else render_status(status))
    return 0 if status.ready else _NOT_READY


def _layout(given: argparse.Namespace) -> "Layout":
    from gatelodge.ops.stack.layout import layout_here

    return layout_here(given.state_dir)


def _say(line: str) -> None:
    # Flushed: the lines are progress, also when they go into a file.
    print(line, flush=True)


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port (1 to 65535)")
    return number
