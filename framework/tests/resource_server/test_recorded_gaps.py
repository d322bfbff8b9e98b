"""What is knowingly not met yet: each of these fails, and the run fails when one of them passes.

The gaps stand in ``tests/conformance/requirements/``. Whoever closes one removes its ``Divergence`` and the xfail mark.
"""

from typing import Any

import pytest

from gatelodge.issuer.key_set import fits, read_key_set
from gatelodge.issuer.metadata import curate
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.tokens import TokenFactory


@pytest.mark.xfail(reason="Keycloak's access tokens have the header type JWT", raises=pytest.fail.Exception)
@pytest.mark.requirement("RFC9068-4-typ")
async def test_only_the_type_of_access_tokens_is_accepted(verifier: TokenVerifier, tokens: TokenFactory) -> None:
    token = tokens.token(header={"typ": "JWT"})
    with pytest.raises(TokenRejected):
        await verifier.verify(token)


@pytest.mark.xfail(reason="a key without alg fits each algorithm of its type", raises=AssertionError)
@pytest.mark.requirement("RFC8725-3.1-one-algorithm")
def test_a_key_is_for_one_algorithm_only(tokens: TokenFactory) -> None:
    entry: dict[str, Any] = next(key for key in tokens.jwks()["keys"] if key["kty"] == "RSA" and key["use"] == "sig")
    entry = {name: value for name, value in entry.items() if name != "alg"}
    key = read_key_set({"keys": [entry]})[entry["kid"]]
    assert sum(fits(key, algorithm) for algorithm in ("RS256", "PS256")) <= 1


@pytest.mark.xfail(reason="scopes_supported stays when it is empty", raises=AssertionError)
@pytest.mark.requirement("RFC8414-3.2-no-empty-lists")
def test_the_issuers_document_has_no_empty_list() -> None:
    assert [] not in curate({"issuer": "https://as.example", "scopes_supported": ["other"]}, scopes=()).values()
