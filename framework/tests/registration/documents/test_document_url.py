"""Which client ids are URLs of documents."""

import pytest

from gatelodge.registration.documents.document_url import checked_url, host_of, is_document_url
from gatelodge.registration.documents.errors import ClientIdInvalid


@pytest.mark.parametrize(
    "client_id",
    [
        "https://chatgpt.com/oauth/client.json",
        "https://claude.ai/oauth/mcp-oauth-client-metadata",
        "https://client.example.com:443/a",
        "https://xn--80ak6aa92e.com/client.json",
        "https://a.example/~b/c;d=e/%20f/",
    ],
)
def test_a_plain_https_url_with_a_path_is_a_client_id(client_id: str) -> None:
    assert is_document_url(client_id)
    assert checked_url(client_id) == client_id


@pytest.mark.parametrize(
    "client_id",
    [
        *(
            "https://a.example",
            "https://a.example/",
            "http://a.example/c",
            "HTTPS://a.example/c",
            "https://A.example/c",
        ),
        *("https://a.example:8443/c", "https://a.example:/c", "https://u@a.example/c", "https://u:p@a.example/c"),
        *("https://a.example/c?d", "https://a.example/c#d", "https://a.example/../c", "https://a.example/./c"),
        *("https://a.example/%2e%2e/c", "https://a.example/b%2Fc", "https://a.example/b%5cc", "https://a.example/%00"),
        *("https://a.example\\@b.example/c", "https://a.example/c d", "https://a.example/c\n", " https://a.example/c"),
        *("https://\u0430pple.example/c", "https://a.example/ç", "https://a_b.example/c", "https://-a.example/c"),
        *(
            "https://*.example/c",
            "https://a..example/c",
            "https://a.example./c",
            "https://localhost/c",
            "https://a.1/c",
        ),
        *("https://127.0.0.1/c", "https://127.1/c", "https://0x7f.1/c", "https://2130706433/c", "https://[::1]/c"),
        *(
            "https:///c",
            "https://",
            "https:a.example/c",
            "",
            "https://a.example/*",
            'https://a.example/"',
            "https://a.0x7f/c",
        ),
        "https://a.example/" + "c" * 255,
    ],
)
def test_a_url_with_a_second_reading_is_no_client_id(client_id: str) -> None:
    with pytest.raises(ClientIdInvalid) as caught:
        checked_url(client_id)
    assert len(client_id) < 10 or client_id not in caught.value.description


def test_any_spelling_of_the_scheme_asks_to_be_a_document() -> None:
    assert is_document_url("HtTpS://a.example/c")
    assert not is_document_url("http://a.example/c")
    assert not is_document_url("my-client")


def test_the_host_is_told_without_its_port() -> None:
    assert host_of("https://client.example.com:443/a/b:443") == "client.example.com"
