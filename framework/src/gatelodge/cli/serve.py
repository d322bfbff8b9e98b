"""``gatelodge serve`` and ``gatelodge desk``: one server process each."""

import argparse

__all__ = ["add_commands"]

# argparse has no public name for what add_subparsers returns.
Subparsers = argparse._SubParsersAction


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``serve`` and ``desk``."""
    server = commands.add_parser("serve", help="run an MCP server (settings from GATELODGE_* and .env)")
    server.add_argument("application", metavar="MODULE:APP", help="the protected application, such as sample:app")
    server.set_defaults(run=_serve)
    desk = commands.add_parser("desk", help="run the registration desk")
    desk.set_defaults(run=_desk)


def _serve(options: argparse.Namespace) -> int:
    # Imported here: a command loads only what it runs, and FastMCP is most of a server's start-up time.
    from gatelodge.app.serve import Stop, load_application, run
    from gatelodge.observability.logs import configure_logging
    from gatelodge.settings.load import SettingsInvalid, load, together
    from gatelodge.settings.server import ServerSettings

    # Ours and the application's own settings are reported together, so that nobody mends one fault per start.
    faults: list[SettingsInvalid] = []
    try:
        settings = load(ServerSettings)
        configure_logging(settings.observability_config("server").logs)
    except SettingsInvalid as error:
        faults.append(error)
    try:
        application = load_application(options.application)
    except SettingsInvalid as error:
        faults.append(error)
    if faults:
        raise faults[0] if len(faults) == 1 else together(*faults)
    stop = Stop(drain=settings.drain, grace=settings.grace)
    observability = settings.observability_config("server")
    return run(application, bind=settings.bind, port=settings.port, stop=stop, observability=observability)


def _desk(_: argparse.Namespace) -> int:
    from gatelodge.app.desk.create import create_desk
    from gatelodge.app.serve import run
    from gatelodge.observability.logs import configure_logging
    from gatelodge.settings.desk import DeskSettings
    from gatelodge.settings.load import load

    settings = load(DeskSettings)
    observability = settings.observability_config("desk")
    # Before anything is made: that has something to say too.
    configure_logging(observability.logs)
    return run(create_desk(settings), bind=settings.bind, port=settings.port, observability=observability)
