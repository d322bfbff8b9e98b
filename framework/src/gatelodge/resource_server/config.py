"""What makes this server the audience of a token: its URL, its issuers and the limits of a token.

``public_url`` is at once the ``resource`` of RFC 9728, the audience checked and the URL that a client types.
"""

from dataclasses import dataclass

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import well_known
from gatelodge.resource_server.jws import TOKEN_TYPES

__all__ = [
    "ASYMMETRIC_ALGORITHMS",
    "DEFAULT_ALGORITHMS",
    "PROTECTED_RESOURCE",
    "ResourceServerConfig",
    "ResourceServerMisconfigured",
]

PROTECTED_RESOURCE = "oauth-protected-resource"
# RFC 8725, section 3.1: closed lists only. With a symmetric algorithm the public key would be the secret.
# EdDSA is RFC 8037's name of what RFC 9864 calls Ed25519; Keycloak uses the older one. Ed448 is refused.
DEFAULT_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
# The longer digests and curves are as sound, but few issuers use them: they are allowed by configuration only.
ASYMMETRIC_ALGORITHMS = frozenset(DEFAULT_ALGORITHMS) | {"RS384", "RS512", "PS384", "PS512", "ES384", "ES512"}


class ResourceServerMisconfigured(GatelodgeError):
    """The section cannot protect anything as it is set."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True, slots=True)
class ResourceServerConfig:
    """Exact public URL and issuers, allowed algorithms, clock leeway and longest token life (both seconds).

    Raises: ResourceServerMisconfigured for what would weaken the check; there is no value that turns it off.
    """

    public_url: str
    issuer: str
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    leeway: float = 10.0
    max_life: float = 3600.0
    # Further issuers whose tokens count as much as those of the first; each signs for itself only.
    trusted_issuers: tuple[str, ...] = ()
    # at+jwt alone is RFC 9068, section 4, to the letter; Keycloak writes JWT unless a client is set otherwise.
    token_types: tuple[str, ...] = TOKEN_TYPES
    # Whether clients can get tokens and scopes from the issuers. Where something in front signs people in, nothing here
    # may send a client to ask for more.
    sign_in: bool = True

    def __post_init__(self) -> None:
        if not self.public_url or not self.issuer:
            raise ResourceServerMisconfigured("public URL and issuer must both be set")
        if not all(self.issuers) or len(set(self.issuers)) != len(self.issuers):
            raise ResourceServerMisconfigured("a trusted issuer is empty or named twice")
        if foreign := set(self.algorithms) - ASYMMETRIC_ALGORITHMS:
            raise ResourceServerMisconfigured(f"algorithms {sorted(foreign)} are not allowed for access tokens")
        if not self.algorithms:
            raise ResourceServerMisconfigured("no algorithm is allowed: every token would be refused")
        if not self.token_types or set(self.token_types) - set(TOKEN_TYPES):
            raise ResourceServerMisconfigured(f"token types {sorted(self.token_types)} are not of {list(TOKEN_TYPES)}")
        if not 0 <= self.leeway <= 300:
            raise ResourceServerMisconfigured(f"leeway of {self.leeway} s is outside 0 to 300")
        if not 0 < self.max_life <= 86_400:
            raise ResourceServerMisconfigured(f"token life of {self.max_life} s is outside 1 second to 1 day")

    @property
    def issuers(self) -> tuple[str, ...]:
        """All issuers whose tokens are accepted, the main one first."""
        return (self.issuer, *self.trusted_issuers)

    @property
    def resource_metadata_url(self) -> str:
        """Where the RFC 9728 document is, in path form: what every challenge points to."""
        return well_known(self.public_url, PROTECTED_RESOURCE)
