"""What is knowingly not met yet: each of these fails, and the run fails when one of them passes.

The gaps stand in ``tests/conformance/requirements/``. Whoever closes one removes its ``Divergence`` and the xfail mark.
"""

import pytest

from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.tokens import TokenFactory


@pytest.mark.xfail(reason="Keycloak's access tokens have the header type JWT", raises=pytest.fail.Exception)
@pytest.mark.requirement("RFC9068-4-typ")
async def test_only_the_type_of_access_tokens_is_accepted(verifier: TokenVerifier, tokens: TokenFactory) -> None:
    token = tokens.token(header={"typ": "JWT"})
    with pytest.raises(TokenRejected):
        await verifier.verify(token)
