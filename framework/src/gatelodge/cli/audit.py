"""``gatelodge audit``: the audit trail read, exported, verified and pruned. Exit code 1: the trail is broken."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gatelodge.audit.chain import Anchor, Recorded
    from gatelodge.audit.finding import Filter
    from gatelodge.storage.database import Database

__all__ = ["add_commands"]

Subparsers = argparse._SubParsersAction
T = TypeVar("T")
_POLL = 1.0  # seconds between two looks of --follow
_NONE = "no such events in this trail"


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``audit tail``, ``search``, ``export``, ``verify`` and ``prune``."""
    audit = commands.add_parser("audit", help="the audit trail: who did what, when and by which rule")
    actions = audit.add_subparsers(metavar="ACTION", required=True)
    tail = actions.add_parser("tail", help="the newest events")
    tail.add_argument("-n", "--number", type=_positive, default=20, metavar="N", help="how many (default: 20)")
    tail.add_argument("--follow", "-f", action="store_true", help="go on with each new one")
    search = actions.add_parser("search", help="events, oldest first")
    search.add_argument("--limit", type=_positive, default=1000, metavar="N", help="at most so many (default: 1000)")
    export = actions.add_parser("export", help="all events as JSON lines or CSV, with the anchor of the trail")
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="default: jsonl")
    export.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output; mode 0600")
    export.add_argument("--anchor", type=Path, metavar="FILE", help="write where the trail ended to this file")
    verify = actions.add_parser("verify", help="check that no event was changed, removed or inserted")
    verify.add_argument(
        "--anchor", type=Path, action="append", metavar="FILE", help="an anchor that was kept elsewhere; repeatable"
    )
    prune = actions.add_parser("prune", help="remove events older than the retention now")
    prune.add_argument("--days", type=_not_negative, metavar="N", help="instead of GATELODGE_AUDIT_RETENTION_DAYS")
    prune.add_argument(
        "--by-clock", action="store_true", help="believe the clock where a long pause in the trail speaks against it"
    )
    for command, run in ((tail, _tail), (search, _search), (export, _export), (verify, _verify), (prune, _prune)):
        command.add_argument("--state-dir", type=Path, metavar="FOLDER", help="state folder of the server or the desk")
        command.set_defaults(run=run)
    for command in (tail, search, verify):
        command.add_argument("--json", action="store_true", help="machine-readable")
    for command in (tail, search, export):
        _add_filters(command)


def _add_filters(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--user", metavar="WHO", help="'ISSUER SUBJECT', a subject of GATELODGE_ISSUER, or an actor as shown"
    )
    command.add_argument("--address", metavar="IP", help="what this address did without signing in")
    command.add_argument("--event", action="append", metavar="KIND", help="tool.call, tool.*, *.refuse; repeatable")
    command.add_argument(
        "--outcome", choices=("ok", "refused", "failed"), help="only these; ok of a call: allowed and begun"
    )
    command.add_argument("--since", metavar="TIME", help="2h, 7d or an ISO date (UTC)")
    command.add_argument("--until", metavar="TIME", help="the same")


def _whole(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
    return int(text)


def _positive(text: str) -> int:
    return _whole(text, 1)


def _not_negative(text: str) -> int:
    return _whole(text, 0)


def _tail(given: argparse.Namespace) -> int:
    from gatelodge.audit.finding import latest, search

    wanted, show = _filter(given), _shower(given)

    async def run(database: "Database") -> int:
        newest = 0
        for one in await latest(database, wanted, given.number):
            print(show(one), flush=True)
            newest = one.seq
        if newest == 0:
            print(_NONE, file=sys.stderr)
        while given.follow:
            await asyncio.sleep(_POLL)
            async for one in search(database, wanted, after=newest):
                print(show(one), flush=True)
                newest = one.seq
        return 0

    return _with_trail(given, run)


def _search(given: argparse.Namespace) -> int:
    from gatelodge.audit.finding import search

    wanted, show = _filter(given), _shower(given)

    async def run(database: "Database") -> int:
        number = 0
        async for one in search(database, wanted, limit=given.limit):
            print(show(one))
            number += 1
        if number == 0:
            print(_NONE, file=sys.stderr)
        elif number == given.limit:
            print(f"only the first {number} are shown: --limit shows more", file=sys.stderr)
        return 0

    return _with_trail(given, run)


def _export(given: argparse.Namespace) -> int:
    from gatelodge.ops.audit.exporting import export, write_anchor

    wanted = _filter(given)

    async def run(database: "Database") -> int:
        number, anchor = await export(database, wanted, form=given.format, output=given.output)
        if given.anchor is not None:
            write_anchor(given.anchor, anchor)
        print(f"{number} events; the trail ended at the anchor {anchor}", file=sys.stderr)
        return 0

    return _with_trail(given, run)


def _verify(given: argparse.Namespace) -> int:
    from gatelodge.audit.trail import head
    from gatelodge.audit.verdict import verify

    anchors = [anchor for path in given.anchor or () for anchor in _anchors(path)]

    async def run(database: "Database") -> int:
        verdict = await verify(database, anchors)
        found = {"whole": verdict.whole, "checked": verdict.checked, "broken": verdict.broken, "why": verdict.why}
        if verdict.whole:
            found["anchor"] = str(await head(database))
        if given.json:
            print(json.dumps(found, indent=2))
        elif verdict.whole:
            print(f"whole: {verdict.checked} events; the trail ends at the anchor {found['anchor']}")
        else:
            print(f"BROKEN at row {verdict.broken}: {verdict.why}; {verdict.checked} rows before it are good")
        return 0 if verdict.whole else 1

    return _with_trail(given, run)


def _prune(given: argparse.Namespace) -> int:
    from gatelodge.audit.retention import prune
    from gatelodge.audit.trail import Trail
    from gatelodge.core.clock import SystemClock
    from gatelodge.ops.audit.administration import operator
    from gatelodge.settings.audit import AuditSettings
    from gatelodge.settings.load import load

    days = load(AuditSettings).audit_retention_days if given.days is None else given.days

    async def run(database: "Database") -> int:
        clock = SystemClock()
        trail, by_clock = Trail(database, clock), given.by_clock
        removed = await prune(database, trail, clock, days=days, actor=operator(), by_clock=by_clock)
        print(f"removed {removed} events older than {days} days")
        return 0

    return _with_trail(given, run)


def _filter(given: argparse.Namespace) -> "Filter":
    from gatelodge.app.auditing import ADDRESS_KEY
    from gatelodge.audit.finding import Filter
    from gatelodge.ops.audit.asked import actor_asked, address_asked, kinds_asked, time_asked
    from gatelodge.settings.audit_database import AuditReaderSettings
    from gatelodge.settings.load import load

    now, settings = time.time(), load(AuditReaderSettings)
    folder = given.state_dir or settings.state_dir
    # An empty value is no choice: a script whose variable is unset must not be shown everybody.
    return Filter(
        kinds=kinds_asked(given.event or ()),
        actor=address_asked(given.address, folder / ADDRESS_KEY) if given.address is not None else None,
        whose=actor_asked(given.user, settings.issuer) if given.user is not None else None,
        since=time_asked(given.since, now) if given.since is not None else None,
        until=time_asked(given.until, now) if given.until is not None else None,
        outcome=given.outcome,
    )


def _shower(given: argparse.Namespace) -> "Callable[[Recorded], str]":
    from gatelodge.ops.audit.shown import as_json, as_line

    return as_json if given.json else as_line


def _anchors(path: Path) -> "list[Anchor]":
    from gatelodge.audit.chain import Anchor
    from gatelodge.settings.load import SettingsInvalid

    try:
        return [Anchor.parse(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise SettingsInvalid(
            f"{path} holds no anchor: {error}", hint="Name a file of audit export --anchor."
        ) from None


def _with_trail(given: argparse.Namespace, work: "Callable[[Database], Awaitable[T]]") -> T:
    from gatelodge.settings.load import SettingsInvalid

    try:
        from gatelodge.ops.audit.place import opened
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"the audit trail needs {error.name}, which is not installed", hint="pip install 'gatelodge[connections]'"
        ) from error

    async def run() -> T:
        async with opened(given.state_dir) as database:
            return await work(database)

    return asyncio.run(run())
