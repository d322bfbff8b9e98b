"""Which realm ``gatelodge realm`` works on: the stack of this checkout, or a Keycloak that is named; and its files."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatelodge.ops.doctor.surroundings import Surroundings
    from gatelodge.ops.realm.apply import RealmAdmin

__all__ = ["DESK_SECRET", "RealmPlace", "add_options", "opened"]

DESK_SECRET, WEB_SECRET = "GATELODGE_DESK_SECRET", "GATELODGE_WEB_CLIENT_SECRET"


@dataclass(frozen=True, slots=True)
class RealmPlace:
    """The files rendered, the administrator signed in, and the variables that hold secrets."""

    admin: "RealmAdmin" = field(repr=False)
    wanted: Mapping[str, Any] = field(repr=False)
    public_base: str
    environment: Mapping[str, str] = field(repr=False)


def add_options(command: argparse.ArgumentParser) -> None:
    """The options that say where the realm and its files are."""
    command.add_argument("--folder", type=Path, default=Path("infra/keycloak"), help="the realm's files")
    command.add_argument("--public-url", metavar="URL", help="scheme and host of the public address (the stack's)")
    command.add_argument("--keycloak-url", metavar="URL", help="Keycloak's internal address (the stack's)")
    command.add_argument("--admin", metavar="NAME", default="admin", help="account of the realm master (admin)")
    command.add_argument("--admin-password-file", type=Path, metavar="FILE", help="file with its password")
    command.add_argument("--state-dir", type=Path, help="state folder (.gatelodge in the checkout)")


@contextmanager
def opened(given: argparse.Namespace) -> "Iterator[RealmPlace]":
    """The place that the options name. Raises: DoctorInput, RealmFilesInvalid, OSError."""
    from gatelodge.ops.doctor.surroundings import DoctorInput, surroundings
    from gatelodge.ops.realm.apply import RealmAdmin
    from gatelodge.ops.realm.render import render_realm

    around = surroundings(
        None,
        state=given.state_dir,
        ca_file=None,
        keycloak_url=given.keycloak_url,
        admin=given.admin,
        password_file=given.admin_password_file,
        environment=os.environ,
    )
    if around.administrator is None:
        raise DoctorInput(
            "there is no Keycloak to look at: no stack was started from this folder",
            hint="Run gatelodge up, or give --keycloak-url, --admin-password-file and --public-url.",
        )
    local = given.keycloak_url is None
    base = _public_base(given, around, local=local)
    with _files(given.folder, around if local else None) as folder:
        wanted = render_realm(folder, public_base=base, environment=os.environ)
    who = around.administrator
    admin = RealmAdmin(who.url, who.username, who.password, realm=wanted["realm"])
    try:
        yield RealmPlace(admin, wanted, base, _environment(around if local else None))
    finally:
        admin.close()


def _public_base(given: argparse.Namespace, around: "Surroundings", *, local: bool) -> str:
    from gatelodge.core.urls import origin_of
    from gatelodge.ops.doctor.surroundings import DoctorInput

    if given.public_url is not None:
        return str(given.public_url)
    if (local and around.record is not None) or os.environ.get("GATELODGE_PUBLIC_URL"):
        return origin_of(around.mcp_url)
    raise DoctorInput("the public address is not known", hint="Give --public-url, such as https://mcp.example.com.")


@contextmanager
def _files(folder: Path, around: "Surroundings | None") -> Iterator[Path]:
    """The folder; on the local stack with the files of the further servers that it was started with."""
    from gatelodge.ops.realm.files import RealmFilesInvalid
    from gatelodge.ops.stack.options import SERVER

    if not folder.is_dir():
        raise RealmFilesInvalid(f"{folder}: no such folder", hint="Name the folder of the realm's files by --folder.")
    record = around.record if around else None
    names = [name.removeprefix(SERVER) for name in (record.urls if record else {}) if name.startswith(SERVER)]
    if not names or around is None or around.layout is None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as together:
        for path in folder.rglob("*.yaml"):
            _copy(path, Path(together) / path.relative_to(folder))
        for name in names:
            _copy(around.layout.realm_files / "servers" / f"{name}.yaml", Path(together) / "servers" / f"{name}.yaml")
        yield Path(together)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


def _environment(around: "Surroundings | None") -> Mapping[str, str]:
    """The variables, with the secrets of the desk and of our pages among them where they are known otherwise."""
    layout = None if around is None else around.layout
    found: dict[str, str] = {}
    for name, kept in ((DESK_SECRET, "desk"), (WEB_SECRET, "web")):
        file = os.environ.get(f"{name}_FILE")
        path = layout.secrets / kept if layout is not None else Path(file or "")
        if (around is not None or file) and path.is_file():
            found[name] = path.read_text(encoding="utf-8").strip()
    return {**os.environ, **found}
