"""The people whom an operator allows to use what a server offers to chosen ones only.

Not here: which tools those are, which the server's author says by ``requires(users=settings.allowed_users)``.
"""

import re

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.access.requirement import GITHUB, KINDS, USER
from gatelodge.settings.process import Names, split

__all__ = ["AllowedUsersSettings"]

_ENTRY = re.compile(rf"(?:{GITHUB})?[A-Za-z0-9_-]{{1,60}}|{USER}[^\s:,]{{1,255}}")


class AllowedUsersSettings(BaseSettings):
    """Entries are GitHub logins (``ada`` or ``github:ada``), and with ``user:`` user names of this Keycloak."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True)

    # Named in full: in the settings of a server with a prefix of its own it is the same variable.
    allowed_usernames: Names = Field(
        default=frozenset(),
        validation_alias=AliasChoices("GATELODGE_ALLOWED_USERNAMES", "ALLOWED_USERNAMES"),
        examples=["octocat,github:hubot,user:ada"],
        description=(
            "Who may use the tools that a server offers to chosen people only, such as the toolbox's "
            "`generate_image`; nobody when unset. `octocat` and `github:octocat` are a GitHub login (claim "
            "`github_login`, upper and lower case alike), `user:ada` is a user name of this Keycloak, exactly as "
            "there. One never stands for the other."
        ),
    )

    _split_names = field_validator("allowed_usernames", mode="before")(split)

    @field_validator("allowed_usernames")
    @classmethod
    def _check_names(cls, names: frozenset[str]) -> frozenset[str]:
        if not all(map(_ENTRY.fullmatch, names)):
            raise ValueError(
                "must hold GitHub logins (ada or github:ada) and user names (user:ada), with commas between"
            )
        return names

    @property
    def allowed_users(self) -> frozenset[str]:
        """For ``requires(users=...)``: every entry with its kind; empty when nobody is allowed."""
        return frozenset(name if name.startswith(KINDS) else f"{GITHUB}{name}" for name in self.allowed_usernames)
