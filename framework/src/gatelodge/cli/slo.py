"""``gatelodge slo``: measure service levels with linked clients, report them, check a report."""

import argparse
import asyncio
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatelodge.ops.slo.place import Place

__all__ = ["add_commands"]

Subparsers = argparse._SubParsersAction


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``slo run``, ``slo report`` and ``slo verify``."""
    slo = commands.add_parser("slo", help="measure service levels, report them with their raw samples, check a report")
    actions = slo.add_subparsers(metavar="ACTION", required=True)
    run = actions.add_parser("run", help="drive linked clients and keep every request")
    run.add_argument("url", nargs="?", metavar="URL", help="MCP URL to put under load (the local stack's)")
    run.add_argument("--objectives", type=Path, metavar="FILE", help="objectives (benchmarks/slo.toml of the checkout)")
    run.add_argument("--output", type=Path, metavar="FOLDER", help="new folder for the samples (slo-TIME here)")
    run.add_argument("--seconds", type=_within(10, 3600), default=120, help="how long the load lasts, 10 to 3600 (120)")
    run.add_argument("--clients", type=_within(1, 16), default=6, help="clients that drive at once, 1 to 16 (6)")
    run.add_argument("--links", type=_within(1, 100), default=24, help="new clients to link, timed, 1 to 100 (24)")
    run.add_argument("--no-changes", action="store_true", help="neither rotate keys nor restart the server")
    run.add_argument("--ca-file", type=Path, help="certificate authority of URL")
    run.add_argument("--user", metavar="NAME", help="user who signs in at URL, by a script")
    run.add_argument("--password-file", type=Path, help="file with that user's password")
    run.add_argument("--issuer", metavar="URL", help="the only issuer that may get the password")
    run.add_argument("--scope", action="append", metavar="SCOPE", help="scope to ask for at URL; can be repeated")
    run.add_argument("--query", default="gatelodge", help="words that a search finds (gatelodge)")
    run.add_argument("--state-dir", type=Path, help="state folder of the local stack (.gatelodge in the checkout)")
    run.set_defaults(run=_run)
    for name, does, text in (
        ("report", _report, "make the report of a run, in its folder"),
        ("verify", _verify, "check a report's hashes and make every number again"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("folder", type=Path, metavar="FOLDER", help="folder of a run")
        action.set_defaults(run=does)


def _within(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text[:10]) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return number


def _run(given: argparse.Namespace) -> int:
    from gatelodge.ops.slo.objectives import parse_objectives
    from gatelodge.ops.slo.run import Options, run

    objectives = _objectives(given)
    parse_objectives(objectives, str(given.objectives or "benchmarks/slo.toml"))
    place = _place(given)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    options = Options(
        output=given.output or Path(f"slo-{stamp}"),
        objectives=objectives,
        command=_command(given),
        seconds=float(given.seconds),
        clients=given.clients,
        links=given.links,
        changes=not given.no_changes,
    )
    try:
        folder = asyncio.run(run(options, place, say=_say))
    finally:
        if place.local is not None:
            place.local.admin.close()
    print(f"{folder}: the samples are kept\n  next step: gatelodge slo report {shlex.quote(str(folder))}")
    return 0


def _report(given: argparse.Namespace) -> int:
    from gatelodge.ops.slo.report import HTML, exit_code, make_report

    summary = make_report(given.folder)
    for objective in summary["objectives"]:
        print(_line(objective))
    for subject, why in summary["not_measured"].items():
        print(f"not measured: {subject}: {why}")
    print(f"{given.folder / HTML}\n  make the run again: {summary['run']['command']}")
    return exit_code(summary)


def _verify(given: argparse.Namespace) -> int:
    from gatelodge.ops.slo.verify import check_folder

    faults = check_folder(given.folder)
    for fault in faults:
        print(fault)
    if not faults:
        print(f"{given.folder}: every hash fits, and the samples give every number")
    return 1 if faults else 0


def _line(objective: dict[str, Any]) -> str:
    value = objective["why"] if objective["value"] is None else f"{objective['value']:g} {objective['unit']}"
    limits = f"target {objective['target']:g}, our aim {objective['aim']:g}: {objective['aim_verdict']}"
    return f"{objective['verdict']:<12}  {objective['id']}: {value} ({limits})"


def _objectives(given: argparse.Namespace) -> bytes:
    from gatelodge.ops.slo.faults import ObjectivesInvalid
    from gatelodge.ops.stack.layout import find_checkout

    path: Path = given.objectives or find_checkout(Path.cwd()) / "benchmarks" / "slo.toml"
    try:
        return path.read_bytes()
    except OSError as error:
        raise ObjectivesInvalid(f"{path}: {error.strerror}", hint="Give a file by --objectives.") from error


def _place(given: argparse.Namespace) -> "Place":
    from gatelodge.core.secret import Secret
    from gatelodge.ops.slo.faults import RunFailed
    from gatelodge.ops.slo.place import Place, local_place
    from gatelodge.ops.stack.layout import layout_here

    if given.url is None:
        return local_place(layout_here(given.state_dir))
    if not given.user or not given.password_file or not given.scope:
        raise RunFailed("a URL needs --user, --password-file and --scope", hint="Give them; nothing was sent.")
    try:
        password = Secret(given.password_file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise RunFailed(f"{given.password_file} cannot be read: {error}", hint="Give a text file.") from error
    users = ((given.user, password),)
    return Place(given.url, given.ca_file, given.issuer, users, tuple(given.scope), given.query)


def _command(given: argparse.Namespace) -> str:
    """The command that makes the run again; where the samples go and where the stack lies is the reader's choice."""
    words = ["gatelodge", "slo", "run", *([given.url] if given.url else [])]
    words += ["--seconds", str(given.seconds), "--clients", str(given.clients), "--links", str(given.links)]
    for option in ("user", "issuer", "query"):
        value = getattr(given, option)
        if value is not None and not (option == "query" and value == "gatelodge"):
            words += [f"--{option}", value]
    for scope in given.scope or ():
        words += ["--scope", scope]
    words += ["--password-file", "FILE"] if given.url else []
    words += ["--objectives", given.objectives.name] if given.objectives else []
    return shlex.join([*words, *(["--no-changes"] if given.no_changes else [])])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
