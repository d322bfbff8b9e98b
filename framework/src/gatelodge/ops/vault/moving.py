"""Credentials moved from an environment, an env file or a compose file into the vault, and read back as proof.

Invariant: no value is in a result or a message; what is moved is decided by names alone, and two places that give one
credential different values are refused.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.vault.env_store import value_of
from gatelodge.vault.names import KNOWN, named, owner_of
from gatelodge.vault.owner import Owner, service
from gatelodge.vault.records import SERVICE_FIELD
from gatelodge.vault.store import TokenStore

__all__ = ["Found", "MigrationRefused", "find", "mapping_of", "move", "read_compose", "read_env_file", "verification"]

_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|\$([A-Za-z_]\w*)")


class MigrationRefused(GatelodgeError):
    """A source cannot be read, or says two things of one credential."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True)
class Found:
    """One credential: its owner, the variables and places that have it."""

    owner: Owner
    value: Secret = field(repr=False)
    variables: tuple[str, ...] = ()


Source = Mapping[str, Mapping[str, str]]


def mapping_of(pairs: Iterable[str]) -> dict[str, Owner]:
    """``NAME=provider`` to owners. Raises: MigrationRefused."""
    found: dict[str, Owner] = {}
    for pair in pairs:
        variable, _, provider = pair.partition("=")
        try:
            found[variable] = service(named(provider))
        except ValueError as error:
            raise MigrationRefused(f"--map {variable}: {error}", hint="Write --map NAME=provider.") from None
    return found


def read_env_file(path: Path) -> Source:
    """The variables of an env file."""
    if not path.is_file():
        raise MigrationRefused(f"no such file: {path}", hint="Name an env file.")
    values = {name: value for name, value in dotenv_values(path, interpolate=False).items() if value}
    return {str(path): values}


def read_compose(path: Path, environ: Mapping[str, str]) -> Source:
    """The environment of every service of a compose file, ``${NAME}`` and ``${NAME:-default}`` filled in."""
    import yaml  # noqa: PLC0415 - of the extra "ops", as this command

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        services = document["services"].items()
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise MigrationRefused(f"no compose file: {path} ({type(error).__name__})", hint="Name one.") from None
    return {f"{path}: {name}": dict(_environment(part, environ)) for name, part in services}


def find(sources: Source, mapping: Mapping[str, Owner]) -> list[Found]:
    """The credentials of the sources, one for each owner. Raises: MigrationRefused."""
    found: dict[Owner, Found] = {}
    for place, variables in sources.items():
        for name in sorted(KNOWN.keys() | mapping.keys()):
            value, owner = value_of(variables, name), mapping.get(name) or owner_of(name)
            if value is None or owner is None:
                continue
            before = found.get(owner)
            label = f"{name} of {place}"
            if before is not None and before.value != value:
                raise MigrationRefused(
                    f"{before.variables[0]} and {label} differ, and both are for {owner.provider}",
                    hint="Leave one of them out, or name them apart by --map NAME=provider.",
                )
            found[owner] = Found(owner, value, (*(before.variables if before else ()), label))
    return sorted(found.values(), key=lambda one: one.owner.provider)


def verification(credentials: Mapping[Owner, Secret]) -> str:
    """SHA-256 over owners and values: the same before and after, on any machine and under any key."""
    rows = sorted([*_named(owner), value.reveal()] for owner, value in credentials.items())
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()


async def move(store: TokenStore, found: Iterable[Found], *, actor: str) -> str:
    """Store all, read all back and give the hash of what came back. Raises: MigrationRefused, when it differs."""
    wanted = {one.owner: one.value for one in found}
    back: dict[Owner, Secret] = {}
    for owner, value in wanted.items():
        await store.put(owner, {SERVICE_FIELD: value}, actor=actor)
        opened = await store.open(owner, actor=actor, purpose="proof of a migration")
        if opened is not None:
            back[owner] = opened.secrets[SERVICE_FIELD]
    if verification(back) != verification(wanted):
        raise MigrationRefused("what was stored is not what was read", hint="Nothing was removed at the source.")
    return verification(back)


def _named(owner: Owner) -> tuple[str, str, str, str]:
    return owner.tenant, owner.user, owner.provider, SERVICE_FIELD


def _environment(part: Any, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    given = part.get("environment") if isinstance(part, dict) else None
    if isinstance(given, list):
        given = {name: value if sign else None for name, sign, value in (str(entry).partition("=") for entry in given)}
    for name, value in (given or {}).items():
        # A name without a value is passed on from the environment, as compose does.
        text = environ.get(name) if value is None else _filled(str(value), environ)
        if text:
            yield str(name), text


def _filled(text: str, environ: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return environ.get(match[1] or match[3]) or match[2] or ""

    return "$".join(_REFERENCE.sub(value, piece) for piece in text.split("$$"))
