"""URL forms that are compared byte by byte."""

import pytest

from gatelodge.core.urls import is_loopback, origin_of, path_of, well_known


@pytest.mark.requirement("RFC8414-3-path-inserted", "RFC9728-3.1-path-inserted")
def test_a_well_known_url_has_its_suffix_between_host_and_path() -> None:
    assert (
        well_known("https://host:8443/realms/mcp", "oauth-authorization-server")
        == "https://host:8443/.well-known/oauth-authorization-server/realms/mcp"
    )
    assert well_known("https://host", "x") == "https://host/.well-known/x"


def test_origin_and_path_are_kept_as_written() -> None:
    assert origin_of("https://Host:1/a/b?c") == "https://Host:1"
    assert path_of("https://host/a/b/") == "/a/b"
    assert path_of("https://host/") == ""


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback_hosts_are_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "example.com", "localhost.evil.example", "10.0.0.1", "127.0.0.1.evil.example"])
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)
