"""Providers that people may sign in by, GitHub among them, and the user profile, as Keycloak wants them.

Invariants: a secret is a place in what is rendered (``placeholders``), never a value; GitHub is there when its client id
is set, and its addresses are https, or http on loopback. Pure but for reading the files.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gatelodge.core.urls import is_loopback
from gatelodge.ops.realm.files import RealmFilesInvalid, read, read_named
from gatelodge.ops.realm.placeholders import placeholder
from gatelodge.ops.realm.sign_in_files import IdentityProvider, UserProfile
from gatelodge.ops.realm.things import USER_PROFILE, USER_PROFILE_MEMBER

__all__ = ["GITHUB", "GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET", "GITHUB_VARIABLES", "sign_in", "user_profile"]

GITHUB = "github"
# What all of its variables begin with.
GITHUB_VARIABLES = "GATELODGE_GITHUB_SIGNIN_"
GITHUB_CLIENT_ID = f"{GITHUB_VARIABLES}CLIENT_ID"
GITHUB_CLIENT_SECRET = f"{GITHUB_VARIABLES}CLIENT_SECRET"
# Keycloak's names of the addresses of a GitHub that is not github.com.
_ADDRESSES = {"baseUrl": f"{GITHUB_VARIABLES}URL", "apiUrl": f"{GITHUB_VARIABLES}API_URL"}


def sign_in(folder: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Members of a realm: the identity providers and what they bring along, none without any. Raises: RealmFilesInvalid."""
    file = folder / "identity-providers.yaml"
    entries = read_named(file, IdentityProvider)
    github = _github(folder / "github-sign-in.yaml", environment)
    if github is not None and GITHUB in entries:
        raise RealmFilesInvalid(
            f"{file}: {GITHUB}: {GITHUB_CLIENT_ID} makes a provider of that name; keep one of the two"
        )
    if github is not None:
        entries = {**entries, GITHUB: github}
    mappers = [
        {
            "name": name,
            "identityProviderAlias": alias,
            "identityProviderMapper": mapper.type,
            "config": dict(mapper.config),
        }
        for alias, entry in entries.items()
        for name, mapper in entry.mappers.items()
    ]
    providers = [_provider(alias, entry) for alias, entry in entries.items()]
    return {
        **({"identityProviders": providers} if providers else {}),
        **({"identityProviderMappers": mappers} if mappers else {}),
    }


def user_profile(file: Path) -> dict[str, Any]:
    """``user-profile.yaml`` as components of a realm, none without the file. Raises: RealmFilesInvalid."""
    if not file.exists():
        return {}
    text = json.dumps(read(file, UserProfile).model_dump())
    return {USER_PROFILE: [{"providerId": "declarative-user-profile", "config": {USER_PROFILE_MEMBER: [text]}}]}


def _github(file: Path, environment: Mapping[str, str]) -> IdentityProvider | None:
    given = {name: environment.get(name, "").strip() for name in (GITHUB_CLIENT_ID, *_ADDRESSES.values())}
    if not given[GITHUB_CLIENT_ID]:
        if any(environment.get(name) for name in (GITHUB_CLIENT_SECRET, f"{GITHUB_CLIENT_SECRET}_FILE")):
            raise RealmFilesInvalid(
                f"{GITHUB_CLIENT_SECRET} is set and {GITHUB_CLIENT_ID} is not",
                hint="Set both, as GitHub shows them, or none of them.",
            )
        return None
    entry = read(file, IdentityProvider)
    addresses = {member: _address(name, given[name]) for member, name in _ADDRESSES.items() if given[name]}
    if len(addresses) == 1:
        raise RealmFilesInvalid(
            f"only one of {', '.join(_ADDRESSES.values())} is set",
            hint="Set both: the pages and the API of a GitHub that is not github.com. Set none for github.com.",
        )
    client_id = given[GITHUB_CLIENT_ID]
    if not client_id.isascii() or not client_id.replace(".", "").replace("-", "").replace("_", "").isalnum():
        raise RealmFilesInvalid(f"{GITHUB_CLIENT_ID} is no client id (example: Ov23liEXAMPLE)")
    return entry.model_copy(update={"config": {**entry.config, "clientId": client_id, **addresses}})


def _address(name: str, url: str) -> str:
    parts = urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if (
        not secure
        or not parts.hostname
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or set("${}") & set(url)
    ):
        raise RealmFilesInvalid(f"{name} is no https address of a GitHub (example: https://github.example.com)")
    return url.rstrip("/")


def _provider(alias: str, entry: IdentityProvider) -> dict[str, Any]:
    config = dict(entry.config)
    if entry.secret is not None:
        config["clientSecret"] = placeholder(entry.secret)
    return {
        "alias": alias,
        "providerId": entry.provider,
        "displayName": entry.display_name or "",
        "enabled": entry.enabled,
        "trustEmail": entry.trust_email,
        **({"firstBrokerLoginFlowAlias": entry.first_login_flow} if entry.first_login_flow else {}),
        "config": config,
    }
