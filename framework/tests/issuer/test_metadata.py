import asyncio
import logging

import pytest

from gatelodge.core.codes import Code
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.metadata import IssuerMismatch, IssuerUnavailable, MetadataSource, fetch_metadata
from gatelodge.outbound.client import Outbound
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer


async def test_the_document_is_read_from_the_internal_url(issuer: FakeIssuer, outbound: Outbound) -> None:
    config = issuer.config(internal_url="http://127.0.0.1:18080/realms/mcp")

    assert await fetch_metadata(outbound, config) == issuer.metadata


@pytest.mark.requirement("RFC8414-3.3-issuer-identical", "RFC8414-4-code-points")
@pytest.mark.parametrize(
    "configured",
    [
        "https://localhost:8443/realms/mcp/",
        "https://LOCALHOST:8443/realms/mcp",
        "https://localhost/realms/mcp",
        "http://localhost:8443/realms/mcp",
    ],
)
async def test_an_issuer_that_differs_in_one_byte_is_refused(
    issuer: FakeIssuer, outbound: Outbound, configured: str
) -> None:
    config = issuer.config(issuer=configured, internal_url="http://127.0.0.1:18080/realms/mcp")

    with pytest.raises(IssuerMismatch) as caught:
        await fetch_metadata(outbound, config)

    assert caught.value.code is Code.ISSUER_MISMATCH
    assert configured in caught.value.detail
    assert issuer.tokens.issuer in caught.value.detail


@pytest.mark.parametrize(
    "body", [b"", b"<html>sign in to this network</html>", b"[]", b'{"issuer": "https://localh', b'"x"']
)
async def test_an_answer_that_is_no_json_object_is_no_metadata(
    issuer: FakeIssuer, outbound: Outbound, config: IssuerConfig, body: bytes
) -> None:
    issuer.metadata = body

    with pytest.raises(IssuerUnavailable, match="no metadata of https://localhost:8443/realms/mcp"):
        await fetch_metadata(outbound, config)


@pytest.mark.parametrize("body", [b"{}", b'{"issuer": null}', b'{"issuer": ["https://localhost:8443/realms/mcp"]}'])
async def test_a_document_without_an_issuer_string_is_refused(
    issuer: FakeIssuer, outbound: Outbound, config: IssuerConfig, body: bytes
) -> None:
    issuer.metadata = body

    with pytest.raises(IssuerMismatch):
        await fetch_metadata(outbound, config)


async def test_the_document_is_fetched_once_for_its_life(
    metadata: MetadataSource, issuer: FakeIssuer, clock: ManualClock
) -> None:
    await metadata.raw()
    clock.advance(200)
    assert await metadata.raw() == issuer.metadata

    assert issuer.metadata_fetches == 1


async def test_callers_at_once_share_one_fetch(metadata: MetadataSource, issuer: FakeIssuer) -> None:
    documents = await asyncio.gather(*(metadata.raw() for _ in range(50)))

    assert all(document == issuer.metadata for document in documents)
    assert issuer.metadata_fetches == 1


async def test_a_changed_document_is_seen_after_its_life(
    metadata: MetadataSource, issuer: FakeIssuer, clock: ManualClock
) -> None:
    await metadata.raw()
    issuer.metadata = {"issuer": issuer.tokens.issuer, "changed": True}
    clock.advance(300)

    assert (await metadata.raw())["changed"] is True


async def test_the_last_good_copy_serves_while_the_issuer_is_down(
    metadata: MetadataSource, issuer: FakeIssuer, clock: ManualClock
) -> None:
    good = await metadata.curated()
    issuer.unreachable = True
    clock.advance(7 * 24 * 3600)

    assert await metadata.curated() == good
    # The fetch and its one retry.
    assert issuer.refused == 2


async def test_the_last_good_copy_serves_when_the_issuer_takes_another_name(
    metadata: MetadataSource, issuer: FakeIssuer, clock: ManualClock
) -> None:
    good = await metadata.raw()
    issuer.metadata = {"issuer": "https://evil.example/realms/mcp"}
    clock.advance(301)

    assert await metadata.raw() == good


async def test_an_issuer_that_never_answered_is_unavailable(metadata: MetadataSource, issuer: FakeIssuer) -> None:
    issuer.status = 503

    with pytest.raises(IssuerUnavailable) as caught:
        await metadata.curated()

    assert (caught.value.code, caught.value.status) == (Code.ISSUER_UNAVAILABLE, 503)
    assert "status 503" in caught.value.detail


async def test_a_mismatch_at_the_first_fetch_is_named_as_such(metadata: MetadataSource, issuer: FakeIssuer) -> None:
    issuer.metadata = {"issuer": "https://other.example"}

    with pytest.raises(IssuerMismatch, match="https://other"):
        await metadata.raw()


async def test_the_curated_document_lists_the_configured_scopes(metadata: MetadataSource) -> None:
    assert {"deep-research:read", "deep-research:write"} <= set((await metadata.curated())["scopes_supported"])


async def test_a_scope_the_realm_lacks_is_named_in_the_log(
    outbound: Outbound, issuer: FakeIssuer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    source = MetadataSource(outbound, issuer.config(scopes=("deep-research:read", "notes:read")), clock)

    with caplog.at_level(logging.WARNING, logger="gatelodge.issuer.metadata"):
        listed = (await source.curated())["scopes_supported"]

    assert "notes:read" not in listed
    assert [record.getMessage() for record in caplog.records] == [
        "https://localhost:8443/realms/mcp does not offer notes:read: clients are not told of it"
    ]
