"""The documents of well-known clients as data."""

import json
from pathlib import Path

import pytest

from gatelodge.registration.documents.errors import KnownDocumentUnusable
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.known import differences, read_known
from gatelodge.registration.documents.read import read_document

CLIENTS = Path(__file__).resolve().parents[4] / "infra" / "keycloak" / "clients"


def test_the_well_known_documents_are_dated_and_describe_clients() -> None:
    known = read_known(CLIENTS)
    hosts = DocumentHosts()
    read = {client_id: read_document(document.body, client_id, hosts=hosts) for client_id, document in known.items()}
    assert len(read) == 5
    assert all(hosts.trusts(document.host) for document in read.values())
    assert all(document.seen >= "2026-11-20" and document.source for document in known.values())
    chatgpt = read["https://chatgpt.com/oauth/client.json"]
    assert (chatgpt.method, chatgpt.signing_alg) == ("private_key_jwt", "RS256")


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[",
        '{"seen": "soon", "source": "s", "document": {"client_id": "https://a.example/c"}}',
        '{"seen": "2026-11-20", "source": "s", "document": {"client_id": "http://a.example/c"}}',
        '{"seen": "2026-11-20", "source": "s", "document": []}',
    ],
)
def test_a_file_that_is_no_known_document_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(KnownDocumentUnusable, match=r"a\.json"):
        read_known(tmp_path)


def test_two_files_of_one_client_are_refused(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        file = {"seen": "2026-11-20", "source": "s", "document": {"client_id": "https://a.example/c"}}
        (tmp_path / name).write_text(json.dumps(file))
    with pytest.raises(KnownDocumentUnusable, match=r"b\.json"):
        read_known(tmp_path)


def test_only_members_that_were_seen_are_compared() -> None:
    known = read_known(CLIENTS)["https://claude.ai/oauth/claude-code-client-metadata"]
    now = json.loads(known.body)
    now["redirect_uris"].reverse()
    assert differences(known, json.dumps(now | {"client_name": "Claude Code"}).encode()) == ()
    assert differences(known, json.dumps(now | {"redirect_uris": []}).encode()) == ("redirect_uris",)
