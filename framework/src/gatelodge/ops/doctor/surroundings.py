"""Where a run looks: an URL given by hand, the stack of this checkout, or the settings of this environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.stack.internal import Administrator, read_internal
from gatelodge.ops.stack.layout import CheckoutMissing, Layout, layout_here
from gatelodge.ops.stack.options import DEFAULT_PORT, SERVER
from gatelodge.ops.stack.record import Record, read_record
from gatelodge.outbound.client import Outbound

__all__ = ["DoctorInput", "Surroundings", "surroundings"]


class DoctorInput(GatelodgeError):
    """What was given cannot be used."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything but the connections."""

    mcp_url: str
    layout: Layout | None
    record: Record | None
    ca_file: Path | None
    administrator: Administrator | None
    environment: Mapping[str, str] = field(repr=False)

    def facts(self, outbound: Outbound, clock: Clock) -> Facts:
        """The facts of one run."""
        return Facts(
            mcp_url=self.mcp_url,
            outbound=outbound,
            clock=clock,
            environment=self.environment,
            layout=self.layout,
            record=self.record,
            ca_file=self.ca_file,
            administrator=self.administrator,
        )


def surroundings(
    url: str | None,
    *,
    state: Path | None,
    ca_file: Path | None,
    keycloak_url: str | None,
    admin: str,
    password_file: Path | None,
    environment: Mapping[str, str],
) -> Surroundings:
    """Put together what was given and what is found here. Raises: DoctorInput."""
    layout = _layout(state)
    record = read_record(layout.record) if layout else None
    named = url or (record.urls.get("mcp_url") if record else None) or environment.get("GATELODGE_PUBLIC_URL")
    mcp_url = named or f"https://localhost:{DEFAULT_PORT}/mcp"
    if urlsplit(mcp_url).scheme not in {"https", "http"} or not urlsplit(mcp_url).hostname:
        raise DoctorInput(f"{mcp_url!r} is no MCP URL", hint="Give it as clients type it: https://mcp.example.com/mcp")
    # The stack of this checkout counts only when it is the one that is asked about.
    local = layout is not None and record is not None and (named is None or mcp_url in _urls(record))
    if ca_file is not None and not ca_file.is_file():
        raise DoctorInput(f"--ca-file {ca_file}: no such file", hint="Name the PEM file of the authority.")
    if ca_file is None and local and layout is not None and layout.ca_file.is_file():
        ca_file = layout.ca_file
    return Surroundings(
        mcp_url=mcp_url,
        layout=layout if local or url is None else None,
        record=record if local else None,
        ca_file=ca_file,
        administrator=_administrator(layout if local else None, keycloak_url, admin, password_file),
        environment=environment,
    )


def _urls(record: Record) -> set[str]:
    """What clients type for the servers of a stack."""
    return {url for name, url in record.urls.items() if name == "mcp_url" or name.startswith(SERVER)}


def _layout(state: Path | None) -> Layout | None:
    try:
        return layout_here(state)
    except CheckoutMissing:
        return None


def _administrator(
    layout: Layout | None, keycloak_url: str | None, admin: str, password_file: Path | None
) -> Administrator | None:
    if keycloak_url is None:
        inside = read_internal(layout) if layout else None
        return inside.administrator if inside else None
    if password_file is None:
        raise DoctorInput(
            "--keycloak-url needs --admin-password-file", hint="Put the password into a file of mode 0600."
        )
    try:
        password = Secret(password_file.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise DoctorInput(f"{password_file}: {error.strerror}", hint="Name a file that this user can read.") from error
    return Administrator(keycloak_url.rstrip("/"), admin, password)
