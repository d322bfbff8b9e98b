"""The local certificate authority and the certificate of localhost (RFC 5280).

The authority can only speak for localhost (name constraints, section 4.2.1.10), so trusting it trusts nothing else.
The leaf is a certificate of its own: clients built on rustls refuse an authority's certificate as a server's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.stack.failures import guarded_disk
from gatelodge.ops.stack.record import write_private

__all__ = ["AuthorityMissing", "Certificates", "ensure_certificates", "host_certificate"]

_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 365
_RENEW_DAYS = 30
_ADDRESSES = ("127.0.0.1", "::1")


class AuthorityMissing(GatelodgeError):
    """There is no local authority, or its key is gone."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of the local TLS setup; ``renewed`` names what was made anew by this call."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    renewed: tuple[str, ...] = ()


def ensure_certificates(folder: Path, clock: Clock) -> Certificates:
    """The authority and a leaf good for at least 30 days more; keys have mode 0600. Raises: DiskRefused."""
    now = datetime.fromtimestamp(clock.now(), UTC)
    files = Certificates(folder / "ca.pem", folder / "localhost.pem", folder / "localhost.key")
    ca_key_file = folder / "ca.key"
    renewed: list[str] = []
    with guarded_disk(folder, "the certificates"):
        ca, ca_key = _load(files.ca_file, ca_key_file)
        if ca is None or ca_key is None or _ends_soon(ca, now):
            ca_key = ec.generate_private_key(ec.SECP256R1())
            ca = _authority(ca_key, now)
            _store(files.ca_file, ca, ca_key_file, ca_key)
            renewed.append("authority")
        leaf, leaf_key = _load(files.cert_file, files.key_file)
        if leaf is None or leaf_key is None or _ends_soon(leaf, now) or not _issued_by(leaf, ca):
            leaf_key = ec.generate_private_key(ec.SECP256R1())
            _store(files.cert_file, _leaf(leaf_key, ca, ca_key, now), files.key_file, leaf_key)
            renewed.append("certificate")
    return Certificates(files.ca_file, files.cert_file, files.key_file, tuple(renewed))


def host_certificate(folder: Path, host: str, clock: Clock) -> str:
    """A short-lived certificate of the authority for a name below localhost, with its key, as PEM; kept nowhere.

    Raises: AuthorityMissing.
    """
    ca, ca_key = _load(folder / "ca.pem", folder / "ca.key")
    if ca is None or ca_key is None:
        raise AuthorityMissing(f"{folder} has no authority", hint="Start the stack again: gatelodge up.")
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(key, ca, ca_key, datetime.fromtimestamp(clock.now(), UTC), host=host, days=1)
    return _key_pem(key) + leaf.public_bytes(Encoding.PEM).decode()


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _name("gatelodge local authority")
    networks = [x509.IPAddress(ip_network(address)) for address in _ADDRESSES]
    return (
        _builder(name, name, key.public_key(), now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName("localhost"), *networks], None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    *,
    host: str = "localhost",
    days: int = _LEAF_DAYS,
) -> x509.Certificate:
    names: Sequence[x509.GeneralName] = [
        x509.DNSName(host),
        *(x509.IPAddress(ip_address(address)) for address in _ADDRESSES),
    ]
    return (
        _builder(_name(host), ca.subject, key.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # A client whose clock is a little behind must accept a certificate made this minute.
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc < now + timedelta(days=_RENEW_DAYS)


def _issued_by(leaf: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _load(certificate_file: Path, key_file: Path) -> tuple[x509.Certificate | None, ec.EllipticCurvePrivateKey | None]:
    """A certificate with its key; both ``None`` when a file is missing, broken or does not belong."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = load_pem_private_key(key_file.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None, None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None, None
    return certificate, key


def _store(
    certificate_file: Path, certificate: x509.Certificate, key_file: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    write_private(key_file, _key_pem(key))
    write_private(certificate_file, certificate.public_bytes(Encoding.PEM).decode())


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
