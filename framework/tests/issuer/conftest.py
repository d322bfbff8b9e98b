"""One issuer per test: a clock that stands still, a token factory, the fake issuer and what reads it."""

from collections.abc import AsyncIterator

import pytest

from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

ISSUER = "https://localhost:8443/realms/mcp"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tokens(clock: ManualClock) -> TokenFactory:
    return TokenFactory(ISSUER, "https://localhost:8443/mcp", clock)


@pytest.fixture
def issuer(tokens: TokenFactory) -> FakeIssuer:
    return FakeIssuer(tokens)


@pytest.fixture
def config(issuer: FakeIssuer) -> IssuerConfig:
    return issuer.config()


@pytest.fixture
async def outbound(issuer: FakeIssuer) -> AsyncIterator[Outbound]:
    outbound = issuer.outbound()
    yield outbound
    await outbound.aclose()


@pytest.fixture
def metadata(outbound: Outbound, config: IssuerConfig, clock: ManualClock) -> MetadataSource:
    return MetadataSource(outbound, config, clock)


@pytest.fixture
def keys(outbound: Outbound, config: IssuerConfig, metadata: MetadataSource, clock: ManualClock) -> KeySource:
    return KeySource(outbound, config, metadata, clock)
