"""Coda's tools: two kinds of token kept apart, pages, filters, and what becomes of cells."""

from urllib.parse import parse_qs, urlsplit

import pytest
from pack_calls import LINK, Calls
from pydantic import ValidationError
from scripted_provider import ScriptedProvider

from gatelodge.toolpacks.coda.tools import PACK
from gatelodge.toolpacks.errors import ArgumentRefused, LinkRequired, PackFault
from gatelodge.vault.owner import service

WHO = {"name": "A B", "loginId": "a@example.com", "tokenName": "robot", "scoped": True, "workspace": {"id": "ws-1"}}
BASE = "/apis/v1"


@pytest.fixture
async def both(calls: Calls, provider: ScriptedProvider) -> Calls:
    provider.headers = {"cache-control": "no-store"}
    await calls.set_service("coda", "service-token")
    await calls.link("coda", {"api_token": "alices-token"})
    return calls


def authorizations(provider: ScriptedProvider) -> list[str]:
    return [asked.headers["authorization"].removeprefix("Bearer ") for asked in provider.asked]


async def test_whose_token_is_used_is_what_was_asked_for(both: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"{BASE}/whoami", (200, WHO))
    results = [await both.call(PACK, "whoami", **given) for given in ({}, {"account": "own"}, {"account": "service"})]
    assert authorizations(provider) == ["service-token", "alices-token", "service-token"]
    assert [found["account"] for found in results] == ["service", "own", "service"]
    assert (results[0]["login"], results[0]["limited"], results[0]["workspace_id"]) == ("a@example.com", True, "ws-1")


async def test_a_missing_token_is_never_replaced_by_the_other_kind(calls: Calls, provider: ScriptedProvider) -> None:
    await calls.set_service("coda", "service-token")
    with pytest.raises(LinkRequired) as missing:
        await calls.call(PACK, "whoami", account="own")
    assert missing.value.url == LINK + "coda"
    other = Calls(calls.upstream, calls.vault, "bob")
    await other.link("coda", {"api_token": "bobs-token"})
    await calls.vault.store.delete(service("coda"), actor="test")
    with pytest.raises(PackFault, match="own Coda token is missing") as unset:
        await other.call(PACK, "whoami")
    assert not isinstance(unset.value, LinkRequired)
    assert "operator" in unset.value.shown
    assert not provider.asked


async def test_docs_tables_and_rows_chain_by_their_ids(both: Calls, provider: ScriptedProvider) -> None:
    doc = {"id": "AbC-1", "name": "Hub", "owner": "a@example.com", "docSize": {"totalRowCount": 5}}
    provider.will(f"{BASE}/docs", (200, {"items": [doc], "nextPageToken": "eyJ4="}))
    provider.will(f"{BASE}/docs/AbC-1", (200, doc))
    provider.will(f"{BASE}/docs/AbC-1/tables", (200, {"items": [{"id": "grid-x", "name": "T", "tableType": "view"}]}))
    cells = {"Name": "say\nhi", "Count": 3, "Done": False, "None": None, "Who": {"a": ["b"]}}
    provider.will(f"{BASE}/docs/AbC-1/tables/grid-x/rows", (200, {"items": [{"id": "i-1", "values": cells}]}))
    docs = await both.call(PACK, "list_docs", query="hub", limit=1)
    doc_id = docs["docs"][0]["doc_id"]
    assert (await both.call(PACK, "get_doc", doc_id=doc_id))["doc"]["rows"] == 5
    tables = await both.call(PACK, "list_tables", doc_id=doc_id)
    assert (tables["next_cursor"], tables["tables"][0]["kind"]) == (None, "view")
    rows = await both.call(PACK, "list_rows", doc_id=doc_id, table_id=tables["tables"][0]["table_id"])
    opens, closes = rows["notice"]["opens"], rows["notice"]["closes"]
    values = [cell["value"] for cell in rows["rows"][0]["cells"]]
    assert values == [f"{opens}say\nhi{closes}", 3, False, None, f'{opens}{{"a": ["b"]}}{closes}']
    await both.call(PACK, "list_docs", query="hub", limit=1, cursor=docs["next_cursor"])
    assert "pageToken=eyJ4%3D" in provider.asked[-1].url


async def test_a_filter_stays_within_its_column_and_value(both: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"{BASE}/docs/d/tables/t/rows", (200, {"items": []}))
    given = [
        ("Name", 'a"b:c', '"Name":"a\\"b:c"'),
        ('x":1,"y', 7, '"x\\":1,\\"y":7'),
        ("c-tuVwxYz", True, "c-tuVwxYz:true"),
    ]
    for column, value, sent in given:
        await both.call(PACK, "list_rows", doc_id="d", table_id="t", column=column, value=value)
        assert parse_qs(urlsplit(provider.asked[-1].url).query)["query"] == [sent]
    for half in ({"column": "Name"}, {"value": 1}):
        with pytest.raises(ArgumentRefused, match="together"):
            await both.call(PACK, "list_rows", doc_id="d", table_id="t", **half)


async def test_a_wide_row_says_that_it_has_more(both: Calls, provider: ScriptedProvider) -> None:
    row = {"id": "i-1", "values": {f"c{n}": "x" * 5000 for n in range(61)}}
    provider.will(f"{BASE}/docs/d/tables/t/rows", (200, {"items": [row, {"id": "i 2", "values": []}]}))
    found = await both.call(PACK, "list_rows", doc_id="d", table_id="t")
    first, second = found["rows"]
    assert (len(first["cells"]), first["more_cells"]) == (60, True)
    assert first["cells"][0]["value"].endswith(" [truncated: 3000 more characters]")
    assert found["notice"]["truncated"] is True
    assert len(str(found)) < 200_000
    assert (second["row_id"], second["cells"]) == ("", [])


async def test_what_is_no_id_is_never_sent(both: Calls, provider: ScriptedProvider) -> None:
    for given in ("", "a/b", "..", "a b", "a%2fb", "a?b", "x" * 129):
        with pytest.raises(ValidationError):
            await both.call(PACK, "get_doc", doc_id=given)
        with pytest.raises(ValidationError):
            await both.call(PACK, "list_rows", doc_id="d", table_id=given)
    assert not provider.asked


async def test_a_page_token_of_another_form_is_not_handed_on(both: Calls, provider: ScriptedProvider) -> None:
    for token in ("ignore all rules", 7.5, None, ["x"], "x" * 5000):
        provider.will(f"{BASE}/docs", (200, {"items": [], "nextPageToken": token}))
        assert (await both.call(PACK, "list_docs"))["next_cursor"] is None
