"""Secrets in a rendered realm: places that name where each one is, and their filling.

``${NAME}`` is Keycloak's own form, which an import fills in from its environment and which its Admin API takes for the
secret itself; ``${file:PATH}`` is ours. Invariant: no place goes to Keycloak's API unfilled.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatelodge.ops.realm.account import SECRET_PLACEHOLDER
from gatelodge.ops.realm.files import RealmFilesInvalid, SecretPlace
from gatelodge.ops.realm.web import WEB_SECRET_PLACEHOLDER

__all__ = ["SECRET_DIGEST", "filled_in", "is_placeholder", "needed_by_import", "placeholder"]

# In an identity provider's configuration: Keycloak shows its secret to nobody, so a digest tells whether it is the same.
SECRET_DIGEST = "gatelodge.secret-digest"  # noqa: S105 - a name

_PLACE = re.compile(r"^\$\{(file:)?([^}]+)\}$")


def placeholder(place: SecretPlace) -> str:
    """The text that stands for the secret at ``place``."""
    return f"${{file:{place.file}}}" if place.file is not None else f"${{{place.env}}}"


def is_placeholder(text: str) -> bool:
    """Whether a text stands for a secret."""
    return _PLACE.match(text) is not None


def needed_by_import(realm: Mapping[str, Any]) -> tuple[str, ...]:
    """The variables that Keycloak's own import needs. Raises: RealmFilesInvalid for a secret in a file."""
    texts = [client.get("secret", "") for client in realm.get("clients", ())]
    texts += [provider["config"].get("clientSecret", "") for provider in realm.get("identityProviders", ())]
    places = [found for found in map(_PLACE.match, texts) if found]
    for file, name in (found.groups() for found in places):
        if file:
            raise RealmFilesInvalid(f"an import cannot read {name}: name the secret by `env` for a rendered realm")
    return tuple(found[2] for found in places)


def filled_in(realm: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The realm with its secrets, for the Admin API. Raises: RealmFilesInvalid, naming what is missing.

    Only those of the desk and of our pages may be missing: a client that is there keeps its own, for a new one Keycloak
    makes one.
    """
    filled: dict[str, Any] = {**realm, "clients": [_client(one, environment) for one in realm.get("clients", ())]}
    if providers := realm.get("identityProviders"):
        filled["identityProviders"] = [_provider(one, realm["realm"], environment) for one in providers]
    return filled


def _client(client: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    text = client.get("secret", "")
    if not is_placeholder(text):
        return dict(client)
    without = {key: value for key, value in client.items() if key != "secret"}
    secret = _secret(text, environment)
    if secret is None:
        if text in {SECRET_PLACEHOLDER, WEB_SECRET_PLACEHOLDER}:
            return without
        raise _missing(f"client {client['clientId']}", text)
    return {**without, "secret": secret}


def _provider(provider: Mapping[str, Any], realm: str, environment: Mapping[str, str]) -> dict[str, Any]:
    text = provider["config"].get("clientSecret", "")
    if not text:
        return dict(provider)
    secret = _secret(text, environment)
    if secret is None:
        raise _missing(f"identity provider {provider['alias']}", text)
    salt = f"{realm}/{provider['alias']}".encode()
    digest = hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1, dklen=16).hex()
    return {**provider, "config": {**provider["config"], "clientSecret": secret, SECRET_DIGEST: digest}}


def _secret(text: str, environment: Mapping[str, str]) -> str | None:
    found = _PLACE.match(text)
    if found is None:
        return text
    file, name = found.groups()
    # Every variable of a secret may name a file instead.
    path = name if file else "" if environment.get(name) else environment.get(f"{name}_FILE", "")
    try:
        secret = Path(path).read_text(encoding="utf-8").strip() if path else environment.get(name, "").strip()
    except (OSError, UnicodeDecodeError):
        return None
    if is_placeholder(secret):
        raise RealmFilesInvalid(f"{name}: its value is a placeholder and no secret: something did not fill it in")
    return secret or None


def _missing(whose: str, text: str) -> RealmFilesInvalid:
    name = text.removeprefix("${").removesuffix("}")
    what = f"the file {name.removeprefix('file:')}" if name.startswith("file:") else f"the variable {name}"
    return RealmFilesInvalid(f"{whose}: {what} has no secret in it", hint="Set it, and run the command again.")
