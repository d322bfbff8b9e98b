"""What the stack's desk is given for the verifier's documents: besides what a person set, and never in its place."""

import ssl
from pathlib import Path

import pytest

from gatelodge.core.clock import SystemClock
from gatelodge.ops.stack.authority import AuthorityMissing, ensure_certificates, host_certificate
from gatelodge.ops.stack.documents import VERIFIER_HOST, TrustUnreadable, document_environment, write_document_trust
from gatelodge.ops.stack.layout import Layout
from gatelodge.settings.desk import DeskSettings

HOSTS, LOCAL, CA = (f"GATELODGE_{name}" for name in ("CLIENT_DOCUMENT_HOSTS", "CLIENT_DOCUMENT_LOCAL_HOSTS", "CA_FILE"))


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    for name in (HOSTS, LOCAL, CA):
        monkeypatch.delenv(name, raising=False)
    made = Layout(checkout=tmp_path, state=tmp_path / "state")
    made.create()
    ensure_certificates(made.tls, SystemClock())
    return made


def test_without_any_setting_the_host_is_added_to_the_desks_own_defaults(layout: Layout) -> None:
    given = document_environment(layout, 4444)
    assert set(given[HOSTS].split(",")) == {"chatgpt.com", "claude.ai", "vscode.dev", VERIFIER_HOST}
    assert given[LOCAL] == f"{VERIFIER_HOST}=127.0.0.1:4444"


@pytest.mark.parametrize("place", ["environment", "file"])
def test_what_a_person_set_is_kept(layout: Layout, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    own = {HOSTS: "my.example", LOCAL: "my.example=127.0.0.1:8444", CA: "my-ca.pem"}
    (layout.checkout / "my-ca.pem").write_text("MY AUTHORITY")
    if place == "file":
        (layout.checkout / ".env").write_text("".join(f"{name}={value}\n" for name, value in own.items()))
    else:
        for name, value in own.items():
            monkeypatch.setenv(name, value)
    given = document_environment(layout, 4444)
    assert given[HOSTS] == f"my.example,{VERIFIER_HOST}"
    assert given[LOCAL] == f"my.example=127.0.0.1:8444,{VERIFIER_HOST}=127.0.0.1:4444"
    write_document_trust(layout)
    assert Path(given[CA]).read_text() == f"{layout.ca_file.read_text()}\nMY AUTHORITY"


def test_the_desk_reads_it_so(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    write_document_trust(layout)
    for name, value in document_environment(layout, 4444).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(layout.checkout)
    settings = DeskSettings(issuer="https://a/realms/m", issuer_internal_url="http://b/realms/m", mode="development")
    assert settings.client_document_local_hosts == {VERIFIER_HOST: ("127.0.0.1", 4444)}
    assert VERIFIER_HOST in settings.client_document_hosts


def test_an_authority_that_a_person_named_and_that_is_not_there_is_said(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CA, "no-such-file.pem")
    with pytest.raises(TrustUnreadable, match="GATELODGE_CA_FILE"):
        write_document_trust(layout)


def test_the_hosts_certificate_is_trusted_by_the_authority_and_kept_nowhere(layout: Layout, tmp_path: Path) -> None:
    before = set(layout.tls.iterdir())
    combined = tmp_path / "host.pem"
    combined.write_text(host_certificate(layout.tls, VERIFIER_HOST, SystemClock()))
    assert set(layout.tls.iterdir()) == before
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listening.load_cert_chain(combined)
    client = ssl.create_default_context(cafile=str(layout.ca_file)).wrap_bio(
        theirs, ours, server_hostname=VERIFIER_HOST
    )
    server = listening.wrap_bio(ours, theirs, server_side=True)
    for _ in range(5):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.getpeercert()


def test_without_the_authoritys_key_there_is_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(AuthorityMissing):
        host_certificate(tmp_path, VERIFIER_HOST, SystemClock())
