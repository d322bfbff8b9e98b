"""Generated passwords of the stack: Keycloak's administrator, the desk, our pages, the two test users; mode 0600."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gatelodge.core.secret import Secret, read_or_create
from gatelodge.ops.realm.render import SeedUser
from gatelodge.ops.stack.failures import guarded_disk

__all__ = ["ADMINISTRATOR", "Credentials", "known_users", "prepare_credentials"]

ADMINISTRATOR = "gatelodge-admin"
_USERS = {"ada": ("Ada", "Lovelace"), "grace": ("Grace", "Hopper")}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The administrator's password, the secrets of the desk and of our pages with their files, the seeded users."""

    admin: Secret
    desk: Secret
    desk_file: Path
    web: Secret
    web_file: Path
    users: Sequence[SeedUser]


def prepare_credentials(folder: Path) -> Credentials:
    """The credentials of this state folder, made on first use. Raises: DiskRefused."""
    with guarded_disk(folder, "the passwords"):
        users = tuple(
            SeedUser(
                username=name,
                email=f"{name}@example.com",
                first_name=first,
                last_name=last,
                password=read_or_create(folder / name),
            )
            for name, (first, last) in _USERS.items()
        )
        desk, web = folder / "desk", folder / "web"
        return Credentials(
            admin=read_or_create(folder / "admin"),
            desk=read_or_create(desk),
            desk_file=desk,
            web=read_or_create(web, 43),
            web_file=web,
            users=users,
        )


def known_users(folder: Path) -> dict[str, Secret]:
    """The seeded users whose passwords exist, by name; makes none."""
    return {name: read_or_create(folder / name) for name in _USERS if (folder / name).is_file()}
