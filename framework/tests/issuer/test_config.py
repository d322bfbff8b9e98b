from gatelodge.issuer.config import IssuerConfig

PUBLIC = "https://localhost:8443/realms/mcp"
INTERNAL = "http://127.0.0.1:18080/realms/mcp"


def test_requests_go_to_the_public_url_when_there_is_no_other() -> None:
    assert IssuerConfig(PUBLIC).base_url == PUBLIC


def test_requests_go_to_the_internal_url_when_there_is_one() -> None:
    assert IssuerConfig(PUBLIC, INTERNAL).base_url == INTERNAL
