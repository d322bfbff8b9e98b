"""Other people's OAuth servers for this folder, and vaults on either kind of database."""

from collections.abc import Iterator

import pytest
from databases import database_config, postgres
from oauth_servers import OAuthServer, oauth_toolkit, oidc_provider
from vaults import either_vault as vault
from vaults import sqlite_vault
from wiremock import wiremock, wiremock_server
from wiremock_desk import desk

__all__ = ["database_config", "desk", "postgres", "sqlite_vault", "vault", "wiremock", "wiremock_server"]


@pytest.fixture(scope="session")
def strict() -> Iterator[OAuthServer]:
    """A refresh token works once; its second use ends the grant."""
    with oidc_provider() as server:
        yield server


@pytest.fixture(scope="session")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuthServer]:
    """A refresh token that was replaced works for ten minutes more."""
    with oauth_toolkit(tmp_path_factory.mktemp("toolkit")) as server:
        yield server
