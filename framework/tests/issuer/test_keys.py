"""Finding keys through the real metadata source, against the fake issuer."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from gatelodge.core.codes import Code
from gatelodge.issuer.keys import KeySource, KeysUnavailable, UnknownKey
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory, make_key


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until the condition holds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition did not come true")


def edit(fake: FakeIssuer, **members: Any) -> None:
    assert isinstance(fake.metadata, dict)
    fake.metadata.update(members)


@pytest.mark.requirement("RFC9068-4-issuer-keys")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_a_published_key_is_found_by_its_id(keys: KeySource, tokens: TokenFactory, algorithm: str) -> None:
    published = tokens.key(algorithm)

    found = await keys.find(tokens.kid(algorithm), algorithm)

    assert found.as_dict() == published.as_dict(private=False)


async def test_a_key_of_another_algorithm_is_not_found_and_not_fetched_for(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    await keys.warm()
    clock.advance(60)

    with pytest.raises(UnknownKey):
        await keys.find(tokens.kid("ES256"), "RS256")
    assert issuer.keys_fetches == 1


async def test_the_encryption_key_is_not_found(keys: KeySource, tokens: TokenFactory) -> None:
    (kid,) = [key["kid"] for key in tokens.jwks()["keys"] if key["use"] == "enc"]

    with pytest.raises(UnknownKey):
        await keys.find(kid, "RS256")


async def test_an_unknown_key_is_a_rejected_token(keys: KeySource) -> None:
    with pytest.raises(UnknownKey) as caught:
        await keys.find("k" * 10_000, "RS256")

    assert caught.value.code is Code.TOKEN_REJECTED
    assert len(caught.value.detail) < 300


async def test_a_cold_start_under_load_costs_one_fetch(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer
) -> None:
    issuer.gate = asyncio.Event()
    waiting = [asyncio.create_task(keys.find(tokens.kid(), "RS256")) for _ in range(200)]
    await asyncio.sleep(0)
    issuer.gate.set()
    await asyncio.gather(*waiting)

    assert (issuer.metadata_fetches, issuer.keys_fetches) == (1, 1)


async def test_strangers_with_made_up_ids_cause_one_fetch_per_cool_down(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    await keys.warm()
    seconds = 60
    for _ in range(seconds):
        clock.advance(1)
        results = await asyncio.gather(
            *(keys.find(uuid.uuid4().hex, "RS256") for _ in range(20)), return_exceptions=True
        )
        assert all(isinstance(result, UnknownKey) for result in results)
        await keys.find(tokens.kid(), "RS256")

    assert issuer.keys_fetches == 1 + seconds // 30


async def test_a_new_key_is_trusted_at_its_first_token(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    old = tokens.kid()
    await keys.find(old, "RS256")
    clock.advance(10)
    tokens.rotate()

    assert await keys.find(tokens.kid(), "RS256")
    assert await keys.find(old, "RS256")
    assert issuer.keys_fetches == 2


async def test_a_new_key_waits_for_the_end_of_the_cool_down_that_a_stranger_began(
    keys: KeySource, tokens: TokenFactory, clock: ManualClock
) -> None:
    await keys.warm()
    with pytest.raises(UnknownKey):
        await keys.find("made-up", "RS256")
    tokens.rotate()

    with pytest.raises(UnknownKey):
        await keys.find(tokens.kid(), "RS256")
    clock.advance(30)
    assert await keys.find(tokens.kid(), "RS256")


async def test_a_new_key_is_found_by_a_fetch_of_its_own_when_the_one_under_way_is_older(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    await keys.find(tokens.kid(), "RS256")
    old = tokens.jwks()
    clock.advance(250)
    issuer.gate = asyncio.Event()
    issuer.keys = old
    # Age starts a fetch in the background; its answer is the set from before the rotation.
    await keys.find(tokens.kid(), "RS256")
    await until(lambda: issuer.metadata_fetches == 2)
    tokens.rotate()
    waiting = asyncio.create_task(keys.find(tokens.kid(), "RS256"))
    await asyncio.sleep(0)
    issuer.gate.set()
    await until(lambda: issuer.keys_fetches == 2)
    issuer.keys = None

    assert await waiting
    assert issuer.keys_fetches == 3


async def test_an_unchanged_key_stays_the_same_object_and_a_replaced_one_does_not(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    (kept, replaced) = (tokens.kid(), tokens.kid("ES256"))
    before = [await keys.find(kept, "RS256"), await keys.find(replaced, "ES256")]
    new = make_key("ES256", kid=replaced)
    issuer.keys = {"keys": [tokens.key().as_dict(private=False), new.as_dict(private=False)]}
    clock.advance(300)

    assert await keys.find(kept, "RS256") is before[0]
    found = await keys.find(replaced, "ES256")
    assert found is not before[1]
    assert found.as_dict() == new.as_dict(private=False)


async def test_another_key_url_is_said_in_the_log(
    keys: KeySource, issuer: FakeIssuer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await keys.warm()
    edit(issuer, jwks_uri=f"https://localhost:8443/realms/mcp{PATH}?moved")
    clock.advance(300)
    with caplog.at_level(logging.WARNING, logger="gatelodge.issuer.keys"):
        await keys.warm()

    (record,) = caplog.records
    assert f"now come from https://localhost:8443/realms/mcp{PATH}?moved" in record.getMessage()


async def test_a_withdrawn_key_is_refused_within_the_life_of_the_copy(
    keys: KeySource, tokens: TokenFactory, clock: ManualClock
) -> None:
    old = tokens.kid()
    await keys.find(old, "RS256")
    tokens.rotate(keep_old=False)
    clock.advance(300)

    with pytest.raises(UnknownKey):
        await keys.find(old, "RS256")


@pytest.mark.parametrize("hours", [1, 3, 6])
async def test_known_keys_serve_through_an_outage(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock, hours: int
) -> None:
    await keys.warm()
    issuer.unreachable = True
    for _ in range(hours * 60):
        clock.advance(60)
        assert await keys.find(tokens.kid(), "RS256")


async def test_after_the_limit_of_an_outage_tokens_cannot_be_judged(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    await keys.warm()
    issuer.unreachable = True
    clock.advance(6 * 3600 + 301)

    with pytest.raises(KeysUnavailable) as caught:
        await keys.find(tokens.kid(), "RS256")
    assert (caught.value.code, caught.value.status) == (Code.KEYS_UNAVAILABLE, 503)

    issuer.unreachable = False
    clock.advance(10)
    assert await keys.find(tokens.kid(), "RS256")


async def test_an_unknown_id_in_an_outage_is_still_a_rejected_token(
    keys: KeySource, issuer: FakeIssuer, clock: ManualClock
) -> None:
    await keys.warm()
    issuer.unreachable = True
    clock.advance(20)

    with pytest.raises(UnknownKey):
        await keys.find("made-up", "RS256")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>welcome to the hotel</html>", id="captive portal"),
        pytest.param(b"{}", id="no keys member"),
        pytest.param(b'{"keys": []}', id="no keys"),
        pytest.param(b'{"keys": [{"kid": "x", "kty": "RS', id="truncated"),
        pytest.param(b'{"keys": [{"kid": "s", "kty": "oct", "k": "c2VjcmV0"}]}', id="symmetric key"),
        pytest.param(b"[" * 100_000, id="nested beyond reason"),
        pytest.param(b" " * (2 << 20), id="over the size limit"),
    ],
)
async def test_an_unusable_answer_leaves_the_good_keys_in_place(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock, answer: bytes
) -> None:
    await keys.warm()
    issuer.keys = answer
    clock.advance(300)

    assert await keys.find(tokens.kid(), "RS256")
    assert issuer.keys_fetches == 3


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
async def test_a_first_fetch_that_fails_says_so_and_recovers_a_second_later(
    keys: KeySource, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock, status: int
) -> None:
    issuer.status = status
    with pytest.raises(KeysUnavailable, match=f"status {status}"):
        await keys.find(tokens.kid(), "RS256")
    issuer.status = 200
    with pytest.raises(KeysUnavailable):
        await keys.find(tokens.kid(), "RS256")

    clock.advance(1)
    assert await keys.find(tokens.kid(), "RS256")


async def test_an_issuer_of_another_name_gives_no_keys_and_says_what_to_correct(
    keys: KeySource, issuer: FakeIssuer
) -> None:
    edit(issuer, issuer="https://other.example/realms/mcp")

    with pytest.raises(KeysUnavailable, match="https://other") as caught:
        await keys.warm()
    assert "GATELODGE_ISSUER" in caught.value.hint
    assert issuer.keys_fetches == 0


async def test_a_refused_set_names_its_fault(keys: KeySource, issuer: FakeIssuer) -> None:
    issuer.keys = {"keys": [{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}]}

    with pytest.raises(KeysUnavailable, match="publishes a private or symmetric key") as caught:
        await keys.warm()
    assert "c2VjcmV0" not in caught.value.detail


@pytest.mark.requirement("RFC8725-3.8-issuer-keys")
@pytest.mark.parametrize(
    "named",
    [
        "https://evil.example/certs",
        "https://localhost:8443.evil.example/realms/mcp/certs",
        "https://localhost:8443@evil.example/certs",
        "http://localhost:8443/realms/mcp/protocol/openid-connect/certs",
        "https://localhost/realms/mcp/protocol/openid-connect/certs",
        "https://localhost:8443/realms/mcp/\r\ncerts",
        "https://[",
        "file:///etc/passwd",
        "",
        None,
        7,
    ],
)
async def test_a_key_url_on_another_host_is_never_fetched(keys: KeySource, issuer: FakeIssuer, named: object) -> None:
    edit(issuer, jwks_uri=named)

    with pytest.raises(KeysUnavailable, match="jwks_uri"):
        await keys.warm()
    assert issuer.keys_fetches == 0


INTERNAL = "http://127.0.0.1:18080/realms/mcp"
PATH = "/protocol/openid-connect/certs"


@pytest.mark.parametrize(
    ("named", "fetched"),
    [
        pytest.param(f"https://localhost:8443/realms/mcp{PATH}", f"{INTERNAL}{PATH}", id="public, so rewritten"),
        pytest.param(f"{INTERNAL}{PATH}", f"{INTERNAL}{PATH}", id="internal as it is"),
        pytest.param("https://localhost:8443/realms/mcp2", "https://localhost:8443/realms/mcp2", id="another realm's"),
    ],
)
async def test_keys_are_fetched_by_the_internal_way_in(
    issuer: FakeIssuer, clock: ManualClock, named: str, fetched: str
) -> None:
    edit(issuer, jwks_uri=named)
    outbound, requested = recording(issuer)
    config = issuer.config(internal_url=INTERNAL)

    with suppress(KeysUnavailable):
        await KeySource(outbound, config, MetadataSource(outbound, config, clock), clock).warm()

    assert list(dict.fromkeys(requested)) == [f"{INTERNAL}/.well-known/openid-configuration", fetched]
    await outbound.aclose()


def recording(issuer: FakeIssuer) -> tuple[Outbound, list[str]]:
    """The issuer's outbound, and the URLs asked for through it."""
    requested: list[str] = []

    class Recording(Outbound):
        async def get_json(self, url: str, *, max_bytes: int | None = None) -> dict[str, Any]:
            requested.append(url)
            return await inner.get_json(url, max_bytes=max_bytes)

        async def aclose(self) -> None:
            await inner.aclose()
            await super().aclose()

    inner = issuer.outbound()
    return Recording(), requested
