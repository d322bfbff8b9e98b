"""``gatelodge vault``: the keys and credentials of the vault. No value is ever an argument or printed."""

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gatelodge.core.secret import Secret
    from gatelodge.ops.vault.place import Place
    from gatelodge.vault.owner import Owner
    from gatelodge.vault.records import Record

__all__ = ["add_commands"]

Subparsers = argparse._SubParsersAction
T = TypeVar("T")


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``vault init``, ``status``, ``set``, ``list``, ``delete``, ``rotate`` and ``migrate``."""
    vault = commands.add_parser("vault", help="the stored credentials and their keys")
    actions = vault.add_subparsers(metavar="ACTION", required=True)
    init = actions.add_parser("init", help="make the key file and the tables, where they are missing")
    init.set_defaults(run=_init)
    status = actions.add_parser("status", help="keys in use, credentials, what is quarantined")
    status.add_argument("--json", action="store_true", help="machine-readable")
    status.set_defaults(run=_status)
    setting = actions.add_parser("set", help="store a credential; its value is read from standard input")
    listing = actions.add_parser("list", help="what is stored, without any value")
    listing.add_argument("--json", action="store_true", help="machine-readable")
    listing.set_defaults(run=_list)
    delete = actions.add_parser("delete", help="remove a credential and its data key")
    for command, run in ((setting, _set), (delete, _delete)):
        command.add_argument("name", metavar="NAME", help="the provider: coda, github, jira, notion, slack or another")
        command.add_argument("--tenant", metavar="URL", help="issuer of a user's credential (with --user)")
        command.add_argument("--user", metavar="SUBJECT", help="the user's subject (default: the service's own)")
        command.set_defaults(run=run)
    rotate = actions.add_parser("rotate", help="bring every credential under the primary key, while servers run")
    rotate.add_argument("--new-key", action="store_true", help="first put a new primary key into the key file")
    rotate.add_argument("--renew", action="store_true", help="also replace the data keys and seal the values anew")
    rotate.add_argument("--retire", metavar="KEY", help="then take a key that is not in use out of the key file")
    rotate.set_defaults(run=_rotate)
    migrate = actions.add_parser("migrate", help="store the credentials of the environment or of files")
    migrate.add_argument("--env-file", type=Path, action="append", metavar="FILE", help="an env file; repeatable")
    migrate.add_argument("--compose", type=Path, action="append", metavar="FILE", help="a compose file; repeatable")
    migrate.add_argument("--map", action="append", metavar="NAME=PROVIDER", help="a further variable; repeatable")
    migrate.add_argument("--dry-run", action="store_true", help="say what would be stored, and write nothing")
    migrate.set_defaults(run=_migrate)


def _init(_: argparse.Namespace) -> int:
    from gatelodge.settings.load import load
    from gatelodge.settings.vault import VaultSettings

    where, made, keys = asyncio.run(_place().initialise(load(VaultSettings)))
    print(f"{'made a key' if made else 'the key is there'}: {where}\nprimary key {keys[0]}; the tables are up to date")
    if made:
        print("keep a copy of the key apart from the backups of the database: without it nothing can be read")
    return 0


def _status(given: argparse.Namespace) -> int:
    async def look(place: "Place") -> dict[str, Any]:
        records = await place.store.list()
        used = await place.store.rotation.in_use()
        return {
            "store": place.config.store,
            "database": place.db.place,
            "keys": [
                {"id": key, "primary": not index, "data_keys": used.get(key, 0)} for index, key in _numbered(place)
            ],
            "credentials": len(records),
            "quarantined": [_public(record) for record in records if record.quarantined_at is not None],
            "rotation_unfinished": await place.store.rotation.unfinished(),
        }

    status = _with_vault(look, make=False)
    print(json.dumps(status, indent=2) if given.json else _rendered(status))
    return 0


def _set(given: argparse.Namespace) -> int:
    value, owner = _read_value(), _owner(given)
    record = _with_vault(lambda place: place.store.put(owner, {"api_token": value}, actor=place.actor))
    print(f"stored {record.owner.shown}, version {record.version}")
    return 0


def _list(given: argparse.Namespace) -> int:
    records = [_public(record) for record in _with_vault(lambda place: place.store.list(), make=False)]
    if given.json:
        print(json.dumps(records, indent=2))
        return 0
    for record in records:
        state = "quarantined" if record["quarantined_at"] else record["status"]
        reason = record["quarantine_reason"] or record["reason"]
        shown = f"{state} ({reason})" if reason else state
        print(f"{record['provider']:12} {record['user'] or 'service':36} {shown:14} version {record['version']}")
    print(f"{len(records)} credentials")
    return 0


def _delete(given: argparse.Namespace) -> int:
    owner = _owner(given)
    gone = _with_vault(lambda place: place.store.delete(owner, actor=place.actor), make=False)
    print(f"deleted {owner.shown}, with its data key" if gone else f"there is no {owner.shown}")
    return 0 if gone else 1


def _rotate(given: argparse.Namespace) -> int:
    from gatelodge.settings.load import load
    from gatelodge.settings.vault import VaultSettings

    if given.new_key:
        _place().new_primary(load(VaultSettings))

    async def run(place: "Place") -> int:
        if given.new_key:
            await _place().told(place, action="new", key=place.keyring.primary_id)
        done = await place.store.rotation.run(actor=place.actor, renew=given.renew)
        print(
            f"{'resumed: ' if done.resumed else ''}{done.changed} data keys {'renewed' if given.renew else 're-wrapped'}"
        )
        if done.unreadable:
            print(f"{done.unreadable} credentials could not be read and are quarantined: gatelodge vault list")
        if given.retire:
            await _place().retire(place, given.retire)
            print(f"retired key {given.retire}")
        print(f"primary key {place.keyring.primary_id}")
        return 1 if done.unreadable else 0

    return _with_vault(run)


def _migrate(given: argparse.Namespace) -> int:
    from gatelodge.ops.vault.moving import find, mapping_of, move, read_compose, read_env_file, verification

    sources = {key: values for path in given.env_file or () for key, values in read_env_file(path).items()}
    for path in given.compose or ():
        sources.update(read_compose(path, os.environ))
    found = find(sources or {"the environment": os.environ}, mapping_of(given.map or ()))
    for one in found:
        print(f"{one.owner.provider:12} from {', '.join(one.variables)}")
    if given.dry_run:
        print(
            f"would store {len(found)} credentials; verification hash {verification({f.owner: f.value for f in found})}"
        )
        return 0
    digest = _with_vault(lambda place: move(place.store, found, actor=place.actor))
    print(f"stored {len(found)} credentials and read them back; verification hash {digest}")
    return 0


def _with_vault(work: "Callable[[Place], Awaitable[T]]", *, make: bool = True) -> T:
    from gatelodge.settings.load import load
    from gatelodge.settings.vault import VaultSettings

    module = _place()

    async def run() -> T:
        async with module.opened(load(VaultSettings), make=make) as place:
            return await work(place)

    return asyncio.run(run())


def _place() -> ModuleType:
    """``ops.vault.place``, which loads what the extra brings. Raises: SettingsInvalid, when it is not installed."""
    from gatelodge.settings.load import SettingsInvalid

    try:
        from gatelodge.ops.vault import place
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"the vault needs {error.name}, which is not installed", hint="pip install 'gatelodge[connections]'"
        ) from error
    return place


def _numbered(place: "Place") -> "enumerate[str]":
    return enumerate(place.keyring.ids)


def _owner(given: argparse.Namespace) -> "Owner":
    from gatelodge.settings.load import SettingsInvalid
    from gatelodge.vault.names import named
    from gatelodge.vault.owner import Owner, service

    if (given.tenant is None) != (given.user is None):
        raise SettingsInvalid("a user's credential has both --tenant and --user", hint="Give both or neither.")
    try:
        name = named(given.name)
    except ValueError as error:
        raise SettingsInvalid(str(error), hint="Name the provider as its tool pack does.") from None
    return service(name) if given.user is None else Owner(given.tenant, given.user, name)


def _read_value() -> "Secret":
    from gatelodge.core.secret import Secret
    from gatelodge.settings.load import SettingsInvalid

    # A terminal gets a prompt without echo; a pipe is read to its end.
    text = getpass.getpass("value (not shown): ") if sys.stdin.isatty() else sys.stdin.read()
    if not text.strip():
        raise SettingsInvalid("there is no value on standard input", hint="gatelodge vault set NAME < file")
    return Secret(text.strip())


def _public(record: "Record") -> dict[str, object]:
    return {
        "provider": record.owner.provider,
        "tenant": record.owner.tenant,
        "user": record.owner.user,
        "status": record.status.value,
        "reason": record.reason,
        "account": record.account_name or record.account_id,
        "scopes": sorted(record.scopes),
        "version": record.version,
        "expires_at": _time(record.expires_at),
        "quarantined_at": _time(record.quarantined_at),
        "quarantine_reason": record.quarantine_reason,
    }


def _rendered(status: dict[str, Any]) -> str:
    lines = [f"store {status['store']}, {status['database']}"]
    lines += [
        f"key {key['id']}{' (primary)' if key['primary'] else ''}: {key['data_keys']} data keys"
        for key in status["keys"]
    ]
    lines.append(f"{status['credentials']} credentials")
    lines += [
        f"quarantined since {record['quarantined_at']}: {record['provider']} ({record['quarantine_reason']})"
        for record in status["quarantined"]
    ]
    if status["rotation_unfinished"]:
        lines.append("a rotation was interrupted: gatelodge vault rotate goes on with it")
    return "\n".join(lines)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
