"""The desk's token: asked for once, renewed in time, and neither it nor the secret shown anywhere (RFC 7523, section 2.2)."""

import asyncio
import base64
import hmac
import json
import logging
from collections.abc import AsyncIterator

import httpx2
import pytest
from account_realm import SECRET, AccountRealm
from registering_realm import ISSUER

from gatelodge.core.errors import GatelodgeError
from gatelodge.registration.errors import RegistrarUnavailable
from gatelodge.registration.service_account import RegistrarRefused, ServiceAccount
from gatelodge.testing.clock import ManualClock


@pytest.fixture
def realm() -> AccountRealm:
    return AccountRealm()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def account(realm: AccountRealm, clock: ManualClock) -> AsyncIterator[ServiceAccount]:
    async with realm.account(clock) as (account, _):
        yield account


async def test_the_secret_signs_a_short_proof_for_the_public_issuer_and_is_not_sent(
    realm: AccountRealm, account: ServiceAccount, clock: ManualClock
) -> None:
    assert (await account.token()).reveal() == "t0ken-1"
    form = realm.forms[0]
    assert SECRET not in str(form)
    assert form["grant_type"] == "client_credentials"
    signed, _, signature = form["client_assertion"].rpartition(".")
    assert _decoded(signature) == hmac.digest(SECRET.encode(), signed.encode(), "sha256")
    header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
    assert header == {"alg": "HS256", "typ": "JWT"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("gatelodge-desk", "gatelodge-desk", ISSUER)
    assert claims["exp"] - clock.now() <= 60


async def test_each_proof_is_used_once(realm: AccountRealm, account: ServiceAccount) -> None:
    for _ in range(2):
        account.forget(await account.token())
    claims = [json.loads(_decoded(form["client_assertion"].split(".")[1])) for form in realm.forms]
    assert len({claim["jti"] for claim in claims}) == 2


async def test_a_thousand_callers_at_once_make_one_request(realm: AccountRealm, account: ServiceAccount) -> None:
    realm.gate = asyncio.Event()
    waiting = [asyncio.create_task(account.token()) for _ in range(1000)]
    await realm.reached.wait()
    realm.gate.set()
    assert {token.reveal() for token in await asyncio.gather(*waiting)} == {"t0ken-1"}
    assert len(realm.forms) == 1


async def test_the_token_is_kept_until_shortly_before_its_end(
    realm: AccountRealm, account: ServiceAccount, clock: ManualClock
) -> None:
    await account.token()
    clock.advance(279)
    assert (await account.token()).reveal() == "t0ken-1"
    clock.advance(1)
    assert (await account.token()).reveal() == "t0ken-2"


async def test_only_the_token_in_use_can_be_forgotten(realm: AccountRealm, account: ServiceAccount) -> None:
    old = await account.token()
    account.forget(old)
    assert (await account.token()).reveal() == "t0ken-2"
    # Another request, refused at the same time, comes too late to throw the new one away.
    account.forget(old)
    assert (await account.token()).reveal() == "t0ken-2"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx2.Response(500), RegistrarUnavailable),
        (httpx2.Response(503, json={"error": "x"}), RegistrarUnavailable),
        (httpx2.Response(400, json={"error": "invalid_client"}), RegistrarRefused),
        (httpx2.Response(401, json={"error": "unauthorized_client"}), RegistrarRefused),
        (httpx2.Response(302, headers={"location": "https://elsewhere.example"}), RegistrarRefused),
        (httpx2.Response(200, content=b"<html>"), RegistrarUnavailable),
        (httpx2.Response(200, json={"expires_in": 300}), RegistrarUnavailable),
        (httpx2.Response(200, json={"access_token": "t0ken-1", "expires_in": "soon"}), RegistrarUnavailable),
        (httpx2.Response(200, content=b"[" * 70_000), RegistrarUnavailable),
    ],
)
async def test_an_answer_without_a_token_is_told_as_what_it_means_and_tried_again(
    answer: httpx2.Response,
    error: type[GatelodgeError],
    realm: AccountRealm,
    account: ServiceAccount,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    realm.token_answer = answer
    with pytest.raises(error) as caught:
        await account.token()
    proof = realm.forms[0]["client_assertion"]
    said = f"{caught.value!r} {caught.value.detail} {caught.value.hint} {caught.value.__cause__!r} {caplog.text}"
    assert not any(secret in said for secret in (SECRET, "t0ken", proof))
    realm.token_answer = None
    assert (await account.token()).reveal() == "t0ken-2"


async def test_a_keycloak_that_is_not_there_is_unavailable(realm: AccountRealm, account: ServiceAccount) -> None:
    realm.fault = httpx2.ConnectError("refused")
    with pytest.raises(RegistrarUnavailable, match="refused"):
        await account.token()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
