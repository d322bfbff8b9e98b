"""What a document may say, and what becomes of it."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from gatelodge.registration.documents.errors import DocumentInvalid
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.model import ClientDocument
from gatelodge.registration.documents.read import read_document

CLIENT = "https://client.example.com/oauth/client.json"
HOSTS = DocumentHosts(frozenset(), {"client.example.com": frozenset({"app.example.com"})})
LOOPBACK = "http://127.0.0.1/callback"
KEYS = "https://client.example.com/jwks.json"
SINGULAR, PLURAL = "token_endpoint_auth_method", "token_endpoint_auth_methods_supported"
PUBLIC_KEY = ECKey.generate_key("P-256", {"kid": "a", "use": "sig"}).as_dict(private=False)


def body(**members: Any) -> bytes:
    document = {"client_id": CLIENT, "client_name": "Example", "redirect_uris": [LOOPBACK]} | members
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def read(**members: Any) -> ClientDocument:
    return read_document(body(**members), CLIENT, hosts=HOSTS)


def refusal(raw: bytes) -> str:
    with pytest.raises(DocumentInvalid) as caught:
        read_document(raw, CLIENT, hosts=HOSTS)
    return caught.value.description


@pytest.mark.parametrize(
    ("singular", "plural", "method"),
    [
        (..., ..., "none"),
        ("none", ..., "none"),
        ("private_key_jwt", ..., "private_key_jwt"),
        (..., ["none", "private_key_jwt"], "none"),
        (..., ["private_key_jwt", "none"], "private_key_jwt"),
        (..., ["tls_client_auth", "none"], "none"),
        ("private_key_jwt", ["none", "private_key_jwt"], "private_key_jwt"),
        ("none", ["private_key_jwt"], "none"),
        ("tls_client_auth", ["private_key_jwt"], "private_key_jwt"),
        (..., [], "none"),
    ],
)
def test_the_singular_method_wins_and_the_plural_ones_follow_in_order(singular: Any, plural: Any, method: str) -> None:
    assert read(**{SINGULAR: singular, PLURAL: plural}, jwks_uri=KEYS).method == method


@pytest.mark.parametrize(
    ("singular", "plural"),
    [("client_secret_basic", ...), (..., ["client_secret_post"]), (["none"], ...), ("none", "none"), ("none", [1])],
)
def test_a_document_without_a_possible_method_is_refused(singular: Any, plural: Any) -> None:
    assert SINGULAR[:26] in refusal(body(**{SINGULAR: singular, PLURAL: plural}))


def test_a_key_method_without_keys_falls_back_to_none_only_where_the_client_offers_it() -> None:
    assert read(**{SINGULAR: "private_key_jwt", PLURAL: ["none"]}).method == "none"
    assert "jwks_uri" in refusal(body(**{SINGULAR: "private_key_jwt"}))


def test_only_methods_that_are_on_are_chosen() -> None:
    raw = body(**{SINGULAR: "private_key_jwt", PLURAL: ["none"]}, jwks_uri=KEYS)
    assert read_document(raw, CLIENT, hosts=HOSTS, methods=("none",)).method == "none"


def test_unknown_members_change_nothing() -> None:
    plain = read()
    assert read(software_id="x", scope="a b", client_uri="javascript:alert(1)", x={"y": [1]}) == plain
    assert read(software_id="x").fingerprint == plain.fingerprint
    assert read(redirect_uris=["http://localhost/callback"]).fingerprint != plain.fingerprint


@pytest.mark.parametrize(
    "uri",
    [
        *("https://client.example.com/cb", "https://app.example.com/cb?x=y", "http://127.0.0.1:33418/"),
        *("http://localhost:1/callback", "http://[::1]/callback"),
    ],
)
def test_redirects_to_the_owner_and_to_the_users_computer_are_taken(uri: str) -> None:
    assert read(redirect_uris=[uri, uri]).redirect_uris == (uri,)


@pytest.mark.parametrize(
    "uri",
    [
        *("https://evil.example/cb", "https://sub.client.example.com/cb", "https://client.example.com.evil.example/cb"),
        *("https://client.example.com@evil.example/cb", "https://evil.example\\@client.example.com/cb"),
        *("http://client.example.com/cb", "https://client.example.com:8443/cb", "https://client.example.com/*"),
        *("https://*.example.com/cb", "https://client.example.com/cb#x", "javascript:alert(1)", "app://cb", "*", ""),
        *(
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.2/cb",
            "http://localhost:0/",
            "http://127.1/",
            "//x",
            None,
            7,
        ),
        *("http://169.254.169.254/", "https://cl\u0456ent.example.com/cb", "data:text/html,x", "http://u@localhost/cb"),
    ],
)
def test_a_redirect_elsewhere_refuses_the_document(uri: Any) -> None:
    description = refusal(body(redirect_uris=[LOOPBACK, uri]))
    assert "redirect_uris[1]" in description
    assert "app.example.com" in description


@pytest.mark.parametrize("uris", [..., [], "http://127.0.0.1/callback", {}, [LOOPBACK] * 21])
def test_redirects_that_are_no_short_list_are_refused(uris: Any) -> None:
    assert "redirect_uris" in refusal(body(redirect_uris=uris))


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"",
            b"[]",
            b"null",
            b"{",
            b"<html>",
            b"\xff\xfe",
            b"\xef\xbb\xbf" + body(),
            body().decode().encode("utf-16"),
        ),
        *(b"[" * 5000, b'{"a":' * 800, b'{"a": NaN}', body(client_id="https://client.example.com/other.json")),
        *(b'{"client_id": "x", ' + body()[1:], body(x={}).replace(b"{}", b'{"a": 1, "a": 2}'), body(client_id=...)),
        *(body(padding="x" * 5120), body(client_secret="s"), body(client_secret_expires_at=0), body(client_id=None)),
        *(body(grant_types=["implicit"]), body(response_types=["token"]), body(grant_types="authorization_code")),
        *(
            body(jwks_uri="https://evil.example/jwks"),
            body(jwks_uri="http://client.example.com/jwks"),
            body(jwks_uri=1),
        ),
        *(body(jwks_uri="https://169.254.169.254/"), body(jwks={"keys": []}), body(jwks=[1]), body(jwks={"keys": [1]})),
        body(jwks_uri=KEYS, jwks={"keys": [PUBLIC_KEY]}),
        body(jwks={"keys": [OctKey.generate_key(256, {"kid": "a"}).as_dict()]}),
        body(
            jwks={"keys": [PUBLIC_KEY, ECKey.generate_key("P-256", {"kid": "b", "use": "sig"}).as_dict(private=True)]}
        ),
        body(jwks={"keys": [PUBLIC_KEY | {"k": "AAAA"}]}),
        body(jwks={"keys": [{"kty": "RSA", "kid": "a", "use": "sig", "n": "x" * 171, "e": "AQAB"}]}),
        body(**{SINGULAR: "private_key_jwt"}, jwks_uri=KEYS, token_endpoint_auth_signing_alg="HS256"),
        body(**{SINGULAR: "private_key_jwt"}, jwks_uri=KEYS, token_endpoint_auth_signing_alg="none"),
    ],
)
def test_a_hostile_document_is_refused_in_words_of_ours(raw: bytes) -> None:
    description = refusal(raw)
    assert description.isprintable()
    assert "evil" not in description


def test_keys_in_the_document_come_out_without_what_is_not_needed() -> None:
    entry = PUBLIC_KEY | {"x5u": "https://evil.example/", "x5c": ["x"], "key_ops": ["verify"]}
    document = read(**{SINGULAR: "private_key_jwt"}, jwks={"keys": [entry]}, token_endpoint_auth_signing_alg="ES256")
    assert document.jwks == {"keys": [PUBLIC_KEY]}
    assert document.signing_alg == "ES256"


def test_grants_are_narrowed_to_what_can_be_had() -> None:
    assert read().grant_types == ("authorization_code",)
    asked = ["urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token", "authorization_code"]
    assert read(grant_types=asked).grant_types == ("authorization_code", "refresh_token")


@pytest.mark.parametrize("name", ["Claude Code", "VS Code", "Éditeur d'essai", "クライアント", "Example-App 2"])
def test_an_ordinary_name_is_shown(name: str) -> None:
    assert read(client_name=name).name == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<b>x</b>", "x"),
        ("Chat<script>alert(1)</script>GPT", "Chat alert 1 GPT"),
        ("a < b", "a b"),
        ("\uff1cb\uff1ex", "x"),
        ("${realm} x", "realm x"),
        ("Claude (trusted)", "Claude trusted"),
        ("a\u202eb\u200bc\n", "abc"),
        ("\uff23laude", "Claude"),
        ("C1aude &amp; friends", "C1aude amp friends"),
    ],
)
def test_markup_and_invisible_characters_leave_a_name(name: str, shown: str) -> None:
    assert read(client_name=name).name == shown


@pytest.mark.parametrize(
    "name", ["\u0421laude", "Ch\u0430tGPT", "claude.ai", "see https://chatgpt.com", "", None, 7, "<>", "\u200b"]
)
def test_a_name_that_looks_like_another_is_replaced_by_the_host(name: Any) -> None:
    assert read(client_name=name).name == "client.example.com"


def test_a_long_name_is_cut() -> None:
    assert len(read(client_name="x" * 1000).name) == 60
