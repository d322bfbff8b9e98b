"""The local CA, checked by the TLS library that clients use."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from gatelodge.core.clock import SystemClock
from gatelodge.ops.stack.authority import Certificates, ensure_certificates
from gatelodge.ops.stack.failures import DiskRefused
from gatelodge.testing.clock import ManualClock

_DAY = 86400.0


def _handshake(ca_file: Path, cert_file: Path, key_file: Path, name: str) -> None:
    """A whole TLS handshake in memory; raises ssl.SSLError when the client refuses."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(cert_file, key_file)
    client_side = ssl.create_default_context(cafile=str(ca_file))
    # What Python 3.13 checks by default: key identifiers and usages as RFC 5280 wants them.
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    pending = [client, server, client, server, client]
    for side in pending:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_clients_that_trust_the_authority_accept_this_machine(tmp_path: Path, name: str) -> None:
    made = ensure_certificates(tmp_path, SystemClock())
    _handshake(made.ca_file, made.cert_file, made.key_file, name)


def test_another_name_is_refused(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, SystemClock())
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        _handshake(made.ca_file, made.cert_file, made.key_file, "example.com")


def test_whoever_gets_the_authoritys_key_can_still_not_speak_for_another_host(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, SystemClock())
    ca = x509.load_pem_x509_certificate(made.ca_file.read_bytes())
    ca_key = load_pem_private_key((tmp_path / "ca.key").read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("example.com")]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    (tmp_path / "forged.pem").write_bytes(forged.public_bytes(Encoding.PEM))
    (tmp_path / "forged.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        _handshake(made.ca_file, tmp_path / "forged.pem", tmp_path / "forged.key", "example.com")


def test_the_leaf_is_no_authority_and_the_keys_are_private(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, SystemClock())
    leaf = x509.load_pem_x509_certificate(made.cert_file.read_bytes())
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    for key in (made.key_file, tmp_path / "ca.key"):
        assert key.stat().st_mode & 0o777 == 0o600


def _bytes(made: Certificates) -> tuple[bytes, bytes, bytes]:
    return made.ca_file.read_bytes(), made.cert_file.read_bytes(), made.key_file.read_bytes()


def test_good_certificates_are_kept(tmp_path: Path) -> None:
    clock = ManualClock()
    before = _bytes(ensure_certificates(tmp_path, clock))
    clock.advance(300 * _DAY)
    again = ensure_certificates(tmp_path, clock)
    assert (_bytes(again), again.renewed) == (before, ())


def test_the_leaf_is_renewed_before_it_ends_under_the_same_authority(tmp_path: Path) -> None:
    clock = ManualClock()
    before = _bytes(ensure_certificates(tmp_path, clock))
    clock.advance(340 * _DAY)
    again = ensure_certificates(tmp_path, clock)
    assert again.renewed == ("certificate",)
    assert again.ca_file.read_bytes() == before[0]
    assert again.cert_file.read_bytes() != before[1]


def test_an_authority_near_its_end_is_replaced_with_its_leaf(tmp_path: Path) -> None:
    clock = ManualClock()
    ensure_certificates(tmp_path, clock)
    clock.advance(3640 * _DAY)
    assert ensure_certificates(tmp_path, clock).renewed == ("authority", "certificate")


@pytest.mark.parametrize(
    ("broken", "renewed"),
    [
        ("ca.pem", ("authority", "certificate")),
        ("ca.key", ("authority", "certificate")),
        ("localhost.pem", ("certificate",)),
        ("localhost.key", ("certificate",)),
    ],
)
def test_a_broken_file_is_made_anew(tmp_path: Path, broken: str, renewed: tuple[str, ...]) -> None:
    ensure_certificates(tmp_path, SystemClock())
    (tmp_path / broken).write_text("broken")
    made = ensure_certificates(tmp_path, SystemClock())
    assert made.renewed == renewed
    _handshake(made.ca_file, made.cert_file, made.key_file, "localhost")


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DiskRefused, match=r"missing"):
        ensure_certificates(tmp_path / "missing", SystemClock())
