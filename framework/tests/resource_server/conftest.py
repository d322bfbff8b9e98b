"""One issuer's tokens, the verifier under test and a bare key ring that filters nothing for it."""

from collections.abc import Awaitable, Callable

import pytest
from joserfc.jwk import Key, KeySet

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.tokens import TokenFactory

ISSUER = "https://as.example:8443/realms/mcp"
RESOURCE = "https://mcp.example/mcp"


class NoSuchKey(GatelodgeError):
    code = Code.TOKEN_REJECTED


class Ring:
    """The published keys by id, whatever their use or algorithm: the verifier must not rely on a filter."""

    def __init__(self, published: KeySet) -> None:
        self._published = {str(key.kid): key for key in published.keys}
        self.extra: dict[str, Key] = {}
        self.failure: GatelodgeError | None = None
        self.asked: list[tuple[str, str]] = []

    async def find(self, kid: str, algorithm: str) -> Key:
        self.asked.append((kid, algorithm))
        if self.failure is not None:
            raise self.failure
        key = self.extra.get(kid) or self._published.get(kid)
        if key is None:
            raise NoSuchKey("no such key")
        return key


@pytest.fixture(scope="session")
def tokens() -> TokenFactory:
    """Keys are slow to make, so one factory serves all tests; its clock is never moved."""
    factory = TokenFactory(ISSUER, RESOURCE, ManualClock())
    for algorithm in ("PS256", "Ed25519", "RS512", "ES384"):
        factory.key(algorithm)
    return factory


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def config() -> ResourceServerConfig:
    return ResourceServerConfig(public_url=RESOURCE, issuer=ISSUER)


@pytest.fixture(scope="session")
def published(tokens: TokenFactory) -> KeySet:
    return KeySet.import_key_set(tokens.jwks())  # type: ignore[arg-type]  # plain JSON


@pytest.fixture
def ring(published: KeySet) -> Ring:
    return Ring(published)


@pytest.fixture
def verifier(config: ResourceServerConfig, ring: Ring, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(config, ring, clock)


@pytest.fixture
def accepted(verifier: TokenVerifier) -> Callable[[str], Awaitable[Principal]]:
    return verifier.verify


@pytest.fixture
def refused(verifier: TokenVerifier) -> Callable[[str], Awaitable[Reason]]:
    """Verify a token that must be refused, and give the reason; the error must not repeat the token."""

    async def reason(token: str) -> Reason:
        with pytest.raises(TokenRejected) as caught:
            await verifier.verify(token)
        error = caught.value
        assert error.code is Code.TOKEN_REJECTED
        assert error.public == Code.TOKEN_REJECTED.meaning.text
        assert error.detail.startswith(error.reason.value)
        assert not token or token not in error.detail
        return error.reason

    return reason
