"""``gatelodge config``: are the settings usable, what is in effect and where it comes from, and which there are."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

    from gatelodge.settings.processes import Process

__all__ = ["add_commands"]

Subparsers = argparse._SubParsersAction
# Written here too: a parser loads no model. A test compares it with settings.processes.
_NAMES = ("server", "connected", "desk", "vault", "audit", "all")


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``config check``, ``config show`` and ``config schema``."""
    parser = commands.add_parser("config", help="check, show and describe the settings (GATELODGE_* and .env)")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="whether a process could start with these settings")
    _add_place(check)
    check.set_defaults(run=_check)
    show = actions.add_parser("show", help="every variable with its value and where it comes from; secrets as ***")
    _add_place(show)
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=_show)
    schema = actions.add_parser("schema", help="JSON Schema of the variables")
    _add_process(schema, default="all")
    schema.set_defaults(run=_schema)


def _add_process(parser: argparse.ArgumentParser, *, default: str) -> None:
    parser.add_argument(
        "--for", dest="process", choices=_NAMES, default=default, metavar="PROCESS", help=f"{', '.join(_NAMES)}"
    )


def _add_place(parser: argparse.ArgumentParser) -> None:
    _add_process(parser, default="server")
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="a file to read in place of .env")
    parser.add_argument(
        "--settings",
        action="append",
        metavar="MODULE:CLASS",
        help="a server's own settings model to read as well; may be given more than once",
    )


def _check(options: argparse.Namespace) -> int:
    from gatelodge.settings.examine import examine

    found = examine(_models(options), env_file=_env_file(options))
    for line in found.warnings:
        print(f"warning: {line}")
    for line in found.faults:
        print(f"fault: {line}")
    if found.faults:
        print(f"{len(found.faults)} fault{'' if len(found.faults) == 1 else 's'} in the settings of {_words(options)}")
        return 2
    print(f"the settings of {_words(options)} are usable")
    return 0


def _show(options: argparse.Namespace) -> int:
    from gatelodge.settings.effective import effective
    from gatelodge.settings.given import Given
    from gatelodge.settings.load import SettingsInvalid, load_each

    env_file = _env_file(options)
    read: list[BaseSettings] = []
    faults: list[str] = []
    # One at a time: what is right in one section is shown whatever is wrong in another.
    for model in _models(options):
        try:
            read += load_each(model, env_file=env_file)
        except SettingsInvalid as error:
            faults += error.faults
    found = effective(read, Given.here(env_file))
    if options.json:
        shown = [
            {"variable": one.variable, "value": one.value, "source": one.source, "secret": one.secret} for one in found
        ]
        print(json.dumps(shown, indent=2))
    else:
        for one in found:
            print(f"{one.variable}={one.value}  ({one.source})")
    for line in dict.fromkeys(faults):
        print(f"fault: {line}", file=sys.stderr)
    if faults:
        print("the other variables of that section are shown once this is right", file=sys.stderr)
    return 2 if faults else 0


def _schema(options: argparse.Namespace) -> int:
    from gatelodge.settings.processes import process
    from gatelodge.settings.schema import schema_of, whole_schema

    found = whole_schema() if options.process == "all" else schema_of(process(options.process))
    print(json.dumps(found, indent=2))
    return 0


def _processes(options: argparse.Namespace) -> "tuple[Process, ...]":
    from gatelodge.settings.processes import PROCESSES

    return tuple(one for one in PROCESSES if options.process in (one.name, "all"))


def _models(options: argparse.Namespace) -> "tuple[type[BaseSettings], ...]":
    from gatelodge.settings.processes import model_at

    ours = (model for one in _processes(options) for model in one.sections())
    return tuple(dict.fromkeys((*ours, *map(model_at, options.settings or ()))))


def _words(options: argparse.Namespace) -> str:
    return "all processes" if options.process == "all" else _processes(options)[0].words


def _env_file(options: argparse.Namespace) -> Path | None:
    from gatelodge.settings.load import SettingsInvalid

    file: Path | None = options.env_file
    if file is not None and not file.is_file():
        raise SettingsInvalid(f"no such file: {file}", hint="Give a readable file with --env-file.")
    return file
