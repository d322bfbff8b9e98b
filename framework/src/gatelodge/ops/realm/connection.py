"""The admin session with Keycloak: python-keycloak's connection, with every refusal as one error.

The error names method, path, status and Keycloak's own message; what was sent is never repeated, since it may hold
a password. Not here: what is asked for (``sync``, ``apply``).
"""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError
from requests import Response, Session

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret

__all__ = ["RealmRefused", "connect", "disconnect"]

_LONGEST = 500
_SIGN_IN = "realms/master/protocol/openid-connect/token"


class RealmRefused(GatelodgeError):
    """Keycloak refused a request, or did not answer (``status`` 0)."""

    code = Code.REALM_REFUSED

    def __init__(self, method: str, path: str, answered: int, message: str) -> None:
        outcome = f"status {answered}" if answered else "no answer"
        super().__init__(f"{method} /{path.lstrip('/')}: {outcome}: {message}")
        self.answered = answered


def connect(url: str, username: str, password: Secret) -> KeycloakAdmin:
    """An admin client that signs in to ``master`` on first use, directly at ``url``."""
    connection = _Connection(
        server_url=url,
        username=username,
        password=password.reveal(),
        user_realm_name="master",
        client_id="admin-cli",
        timeout=60,
    )
    for session in _sessions(connection):
        # Proxy variables of the environment would send the password and every change outside.
        session.trust_env = False
    return KeycloakAdmin(connection=connection)


def disconnect(admin: KeycloakAdmin) -> None:
    """Sign out, if signed in, and close the sockets."""
    token = admin.connection.token
    if token is not None:
        # Keycloak may be gone by now; its session then ends by itself.
        with suppress(KeycloakError):
            admin.connection.keycloak_openid.logout(token["refresh_token"])
        admin.connection.token = None
    for session in _sessions(admin.connection):
        session.close()


def _sessions(connection: KeycloakOpenIDConnection) -> tuple[Session, Session]:
    # One for the admin API, one for signing in; python-keycloak offers no way to pass one in or to close them.
    return connection._s, connection.keycloak_openid.connection._s


class _Connection(KeycloakOpenIDConnection):
    """Checks every answer here, where method and path are still known: python-keycloak's errors have neither."""

    def raw_get(self, *args: Any, **kwargs: Any) -> Response:
        return _checked("GET", super().raw_get, *args, **kwargs)

    def raw_post(self, *args: Any, **kwargs: Any) -> Response:
        return _checked("POST", super().raw_post, *args, **kwargs)

    def raw_put(self, *args: Any, **kwargs: Any) -> Response:
        return _checked("PUT", super().raw_put, *args, **kwargs)

    def raw_delete(self, *args: Any, **kwargs: Any) -> Response:
        return _checked("DELETE", super().raw_delete, *args, **kwargs)


def _checked(method: str, send: Callable[..., Response], path: str, *args: Any, **kwargs: Any) -> Response:
    try:
        response = send(path, *args, **kwargs)
    except KeycloakError as error:
        # Keycloak answers a request with a response; an error with a status comes from the sign-in before it.
        if error.response_code:
            raise RealmRefused("POST", _SIGN_IN, error.response_code, _message(error.response_body or b"")) from error
        raise RealmRefused(method, path, 0, str(error.__cause__ or error)[:_LONGEST]) from error
    if response.status_code >= 400:
        raise RealmRefused(method, path, response.status_code, _message(response.content))
    return response


def _message(content: bytes) -> str:
    """What Keycloak says in its error members, else the start of the body."""
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if isinstance(body, dict):
        texts = [str(body[key]) for key in ("errorMessage", "error", "error_description") if body.get(key)]
        if texts:
            return ": ".join(texts)[:_LONGEST]
    return content.decode(errors="replace")[:_LONGEST] or "(no message)"
