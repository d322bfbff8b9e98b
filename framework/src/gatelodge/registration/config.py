"""Which hosts an authorization code may be sent to."""

import re
from dataclasses import dataclass

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["DEFAULT_REDIRECT_HOSTS", "RegistrationPolicy", "RegistrationPolicyInvalid"]

# The realm's trusted hosts (infra/keycloak/registration.yaml) are the same: a host has to be on both lists.
DEFAULT_REDIRECT_HOSTS = frozenset(
    {
        "chatgpt.com",
        "claude.ai",
        "claude.com",
        "vscode.dev",
        "insiders.vscode.dev",
        "www.cursor.com",
        "antigravity.google",
        # Clients on the user's own computer (RFC 8252, section 7.3).
        "localhost",
        "127.0.0.1",
        "[::1]",
    }
)

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]")


class RegistrationPolicyInvalid(GatelodgeError):
    """An entry of the host list is no host name."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True, slots=True)
class RegistrationPolicy:
    """Hosts allowed in redirect URIs, compared exactly: lower case, no port, no wildcard, IPv6 in brackets.

    Raises: RegistrationPolicyInvalid.
    """

    allowed_hosts: frozenset[str] = DEFAULT_REDIRECT_HOSTS

    def __post_init__(self) -> None:
        faulty = sorted(host for host in self.allowed_hosts if not _HOST.fullmatch(host))
        if faulty or not self.allowed_hosts:
            named = ", ".join(map(repr, faulty)) or "nothing"
            raise RegistrationPolicyInvalid(
                f"GATELODGE_REGISTRATION_HOSTS: {named}: host names alone are needed, in lower case"
                " (example: chatgpt.com,claude.ai,localhost,127.0.0.1,[::1])"
            )
