"""The files that say how people sign in, and what is kept about them, as checked models: providers, user profile.

Not here: reading them (``files``), and what becomes of them (``sign_in``).
"""

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from gatelodge.ops.realm.files import Name, Part, SecretPlace, Text

__all__ = ["IdentityProvider", "ProviderMapper", "UserProfile"]

# Keycloak fills these two in for each person. Anything else in ${...} an import would take from its environment.
_Template = Annotated[str, StringConstraints(pattern=r"^([^${}]|\$\{(ALIAS|CLAIM\.[A-Za-z0-9_.-]+)\})*$")]


class ProviderMapper(Part):
    """What is taken over from a provider at sign-in: Keycloak's type of mapper, and its configuration."""

    type: str
    config: dict[str, _Template] = Field(default={})


class IdentityProvider(Part):
    """``github-sign-in.yaml``, or one entry of ``identity-providers.yaml``; ``config`` has Keycloak's own names."""

    provider: Name
    display_name: Text | None = None
    enabled: bool = True
    trust_email: bool = False
    first_login_flow: Text | None = None
    config: dict[str, Annotated[str, StringConstraints(pattern=r"^[^${}]*$")]] = Field(default={})
    secret: SecretPlace | None = None
    mappers: dict[str, ProviderMapper] = Field(default={})

    @field_validator("config")
    @classmethod
    def _without_secret(cls, config: dict[str, str]) -> dict[str, str]:
        if "clientSecret" in config:
            raise ValueError("clientSecret does not belong into a file: use `secret: {env: NAME}`")
        return config


class UserProfile(Part):
    """``user-profile.yaml``: attributes and groups as Keycloak has them, each with its ``name``."""

    attributes: list[dict[str, Any]] = Field(min_length=1)
    groups: list[dict[str, Any]] = Field(default=[])

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [str(one.get("name", "")) for one in self.attributes]
        if "" in names or len(set(names)) != len(names):
            raise ValueError("each attribute needs a `name`, and no two the same")
        return self
