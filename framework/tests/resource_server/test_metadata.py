"""The protected-resource metadata document and where it is served."""

import pytest

from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.metadata import metadata_paths, protected_resource_metadata


@pytest.mark.requirement("RFC9728-2-scopes", "RFC9728-2-name", "RFC9728-3.3-resource-equals", "MCP26-AUTH-01")
def test_the_document_names_the_exact_resource_its_issuer_and_the_scopes_to_ask_for(
    config: ResourceServerConfig,
) -> None:
    assert protected_resource_metadata(config, scopes=["notes:write", "notes:read"], name="notes") == {
        "resource": "https://mcp.example/mcp",
        "authorization_servers": ["https://as.example:8443/realms/mcp"],
        "bearer_methods_supported": ["header"],
        "resource_name": "notes",
        "scopes_supported": ["notes:read", "notes:write"],
    }


@pytest.mark.requirement("MCP26-AUTH-05")
def test_offline_access_is_never_named(config: ResourceServerConfig) -> None:
    document = protected_resource_metadata(config, scopes=["offline_access", "notes:read"], name="notes")
    assert document["scopes_supported"] == ["notes:read"]


@pytest.mark.requirement("RFC9728-3.2-no-empty-lists")
@pytest.mark.parametrize("scopes", [[], ["offline_access"]])
def test_an_empty_list_of_scopes_is_left_out(config: ResourceServerConfig, scopes: list[str]) -> None:
    assert "scopes_supported" not in protected_resource_metadata(config, scopes=scopes, name="notes")


@pytest.mark.requirement("MCP26-AUTH-02b")
@pytest.mark.parametrize(
    ("public_url", "paths"),
    [
        (
            "https://mcp.example/mcp",
            ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"),
        ),
        (
            "https://mcp.example/toolbox/mcp",
            ("/.well-known/oauth-protected-resource/toolbox/mcp", "/.well-known/oauth-protected-resource"),
        ),
        ("https://mcp.example", ("/.well-known/oauth-protected-resource",)),
    ],
)
def test_the_document_is_served_in_path_form_and_at_the_root(public_url: str, paths: tuple[str, ...]) -> None:
    config = ResourceServerConfig(public_url=public_url, issuer="https://as.example")
    assert metadata_paths(config) == paths
    assert config.resource_metadata_url == "https://mcp.example" + paths[0]
