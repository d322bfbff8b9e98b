"""The resource server's section: what it derives and what it refuses."""

from dataclasses import replace

import pytest

from gatelodge.core.codes import Code
from gatelodge.resource_server.config import ResourceServerConfig, ResourceServerMisconfigured


@pytest.mark.parametrize(
    ("public_url", "metadata_url"),
    [
        ("https://mcp.example/mcp", "https://mcp.example/.well-known/oauth-protected-resource/mcp"),
        (
            "https://localhost:8443/toolbox/mcp",
            "https://localhost:8443/.well-known/oauth-protected-resource/toolbox/mcp",
        ),
        ("https://mcp.example", "https://mcp.example/.well-known/oauth-protected-resource"),
    ],
)
def test_the_metadata_url_has_the_well_known_part_between_host_and_path(public_url: str, metadata_url: str) -> None:
    config = ResourceServerConfig(public_url=public_url, issuer="https://as.example")
    assert config.resource_metadata_url == metadata_url


@pytest.mark.requirement("RFC8725-3.2-current")
@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "RS1", "ES256K", "rs256", "", "Ed448"])
def test_an_algorithm_outside_the_closed_list_is_refused(config: ResourceServerConfig, algorithm: str) -> None:
    with pytest.raises(ResourceServerMisconfigured, match="not allowed") as caught:
        replace(config, algorithms=("RS256", algorithm))
    assert caught.value.code is Code.SETTINGS_INVALID


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS384", "PS512", "ES384", "ES512"])
def test_a_longer_digest_or_curve_is_allowed_only_by_configuration(
    config: ResourceServerConfig, algorithm: str
) -> None:
    assert algorithm not in config.algorithms
    assert replace(config, algorithms=("RS256", algorithm)).algorithms == ("RS256", algorithm)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"public_url": ""}, "must both be set"),
        ({"issuer": ""}, "must both be set"),
        ({"algorithms": ()}, "no algorithm"),
        ({"token_types": ()}, "token types"),
        ({"token_types": ("at+jwt", "id+jwt")}, "token types"),
        ({"leeway": -1.0}, "leeway"),
        ({"leeway": 301.0}, "leeway"),
        ({"leeway": float("nan")}, "leeway"),
        ({"max_life": 0.0}, "token life"),
        ({"max_life": 86_401.0}, "token life"),
        ({"max_life": float("inf")}, "token life"),
    ],
)
def test_a_value_that_would_weaken_the_check_is_refused(
    config: ResourceServerConfig, change: dict[str, str], message: str
) -> None:
    with pytest.raises(ResourceServerMisconfigured, match=message):
        replace(config, **change)  # type: ignore[arg-type]  # one field of any type
