"""The YAML files of ``infra/keycloak`` as checked models.

Every fault names its file and its place in it; an unknown key is a fault, so that a typing error cannot switch a
rule off. Not here: what becomes of them (``render``).
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = [
    "ClientPolicies",
    "ClientScope",
    "DeskAccount",
    "Mapper",
    "Name",
    "Part",
    "PredefinedClient",
    "RealmFile",
    "RealmFilesInvalid",
    "RegistrationPolicies",
    "SecretPlace",
    "Server",
    "ServiceClient",
    "Target",
    "Text",
    "WebFile",
    "read",
    "read_named",
    "read_scopes",
    "read_servers",
]

_ConfigValue = bool | int | str | list[str]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
# The path ends the audience, which is compared byte by byte: no slash at the end, nothing that needs encoding.
_Path = Annotated[str, StringConstraints(pattern=r"^(/[a-z0-9._~-]+)+$")]
# Keycloak expands ${...} on import, from its environment: a text must not reach into it.
Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^${}]*$")]
M = TypeVar("M")
# Attributes of a person that are claims of the same name.
Claim = Literal["github_login"]
Target = Literal["access", "id", "userinfo", "introspection"]


class RealmFilesInvalid(GatelodgeError):
    """A file of ``infra/keycloak`` is missing, is no YAML or says something that no realm can be made of."""

    code = Code.SETTINGS_INVALID


class Part(BaseModel):
    """A file, or a part of one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RealmFile(Part):
    """``realm.yaml``: the name, and settings under Keycloak's own names."""

    name: Name
    settings: dict[str, Any]


class Mapper(Part):
    """One protocol mapper: Keycloak's type, the tokens it writes into, its own configuration."""

    type: str
    into: tuple[Target, ...]
    config: dict[str, str] = {}


class ClientScope(Part):
    """One client scope; ``scopes.yaml`` explains the keys."""

    # none: of the clients alone that are given it.
    assigned: Literal["default", "optional", "none"]
    consent: Text | None = None
    advertised: bool = True
    in_claim: bool = True
    roles: tuple[str, ...] = ()
    mappers: dict[str, Mapper] = {}


class Server(Part):
    """``servers/<name>.yaml``: scopes by their last part, each with its consent text; ``accounts``: it has such pages.

    ``claims``: about the person, in this server's access tokens only, next to the user name that all servers get.
    """

    name: Name
    path: _Path
    scopes: dict[Name, Text] = Field(min_length=1)
    accounts: bool = False
    claims: tuple[Claim, ...] = ()


class DeskAccount(Part):
    """``desk.yaml``; ``token_life`` in seconds."""

    client_id: Name
    description: Text
    rights: tuple[Name, ...] = Field(min_length=1)
    token_life: int = Field(ge=60, le=3600)


class WebFile(Part):
    """``web.yaml``: the client of the pages of connected accounts, by the name that servers know."""

    client_id: Literal["gatelodge-web"]
    description: Text


class SecretPlace(Part):
    """Where a secret is: a variable or a file. It is never in the realm's files themselves."""

    env: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    file: Annotated[str, StringConstraints(pattern=r"^/[^${}]+$")] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("name the secret by `env` or by `file`, and by one of them only")
        return self


class ServiceClient(Part):
    """One entry of ``service-clients.yaml``: a service that gets users' access tokens from ``server``."""

    server: Name
    secret: SecretPlace
    description: Text | None = None


class PredefinedClient(Part):
    """One entry of ``predefined-clients.yaml``; without ``secret`` a public client, without ``redirects`` the product's."""

    product: str
    name: Text | None = None
    redirects: tuple[str, ...] = ()
    secret: SecretPlace | None = None


class _RegistrationPolicy(Part):
    name: str
    provider: str
    kinds: tuple[Literal["anonymous", "authenticated"], ...] = Field(alias="for", min_length=1)
    config: dict[str, _ConfigValue] = {}


class RegistrationPolicies(Part):
    """``registration.yaml``."""

    policies: tuple[_RegistrationPolicy, ...]


class _Profile(Part):
    name: str
    description: str
    executors: dict[str, dict[str, _ConfigValue]]


class _Policy(Part):
    name: str
    description: str
    profiles: tuple[str, ...]
    conditions: dict[str, dict[str, _ConfigValue]]


class ClientPolicies(Part):
    """``client-policies.yaml``."""

    profiles: tuple[_Profile, ...]
    policies: tuple[_Policy, ...]


def read(path: Path, model: type[M]) -> M:
    """One YAML file as ``model``. Raises: RealmFilesInvalid, listing every fault."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RealmFilesInvalid(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise RealmFilesInvalid(f"{path} is no YAML: {error}") from error
    try:
        return TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        faults = (f"  {'.'.join(map(str, fault['loc'])) or '(file)'}: {fault['msg']}" for fault in error.errors())
        raise RealmFilesInvalid("\n".join([f"{path} is not usable:", *faults])) from error


def read_named(path: Path, model: type[M]) -> dict[str, M]:
    """An optional file of entries by name; one that is not there has none. Raises: RealmFilesInvalid."""
    return read(path, dict[Name, model]) if path.exists() else {}  # type: ignore[valid-type]


def read_scopes(folder: Path) -> dict[str, ClientScope]:
    """``scopes.yaml``: client scopes by name. Raises: RealmFilesInvalid."""
    return read(folder / "scopes.yaml", dict[str, ClientScope])


def read_servers(folder: Path) -> tuple[Server, ...]:
    """``servers/*.yaml``, sorted by file name. Raises: RealmFilesInvalid, also for two files of one name or path."""
    servers = tuple(read(path, Server) for path in sorted((folder / "servers").glob("*.yaml")))
    if not servers:
        raise RealmFilesInvalid(f"{folder / 'servers'} has no *.yaml file: a realm without a server is of no use")
    for what, values in (("name", [s.name for s in servers]), ("path", [s.path for s in servers])):
        if len(set(values)) != len(values):
            raise RealmFilesInvalid(f"{folder / 'servers'}: two servers have the same {what}: {', '.join(values)}")
    return servers
