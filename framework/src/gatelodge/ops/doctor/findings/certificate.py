"""The certificate: chain, name and age, as a client sees them (RFC 5280, RFC 6125)."""

import asyncio
import ssl
from typing import Any
from urllib.parse import urlsplit

from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem, warning

__all__ = ["CHECK"]

DAY = 86_400
# Public certificates are renewed 30 days before their end; half of that means that renewal fails.
SOON = 15 * DAY
TIMEOUT = 5.0


async def _examine(facts: Facts) -> Finding:
    parts = urlsplit(facts.mcp_url)
    if parts.scheme != "https":
        return not_checked("the URL is not https; that is good for a test on this machine only")
    host, port = parts.hostname or "", parts.port or 443
    command = f"openssl s_client -connect {host}:{port} -servername {host}"
    try:
        certificate = await _certificate(facts, host, port)
    except ssl.SSLCertVerificationError as error:
        return problem(
            f"clients refuse the certificate of {host}: {error.verify_message}",
            fix="Serve the whole chain for this very name; on a local stack give clients its CA file.",
            command=command,
        )
    except (OSError, TimeoutError) as error:
        return not_checked(f"no TLS connection to {host}:{port}: {error or 'timed out'}")
    left = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - facts.clock.now()
    said = f"the certificate of {host} is valid for another {left / DAY:.0f} days"
    if left < SOON:
        return warning(said, fix="Look why it is not renewed: ACME needs port 443 or 80 from outside.", command=command)
    return healthy(said)


async def _certificate(facts: Facts, host: str, port: int) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=str(facts.ca_file) if facts.ca_file else None)
    async with asyncio.timeout(TIMEOUT):
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        found: dict[str, Any] = writer.get_extra_info("peercert")
        return found
    finally:
        writer.close()


CHECK = Check("certificate", "Certificate", _examine, live=True)
