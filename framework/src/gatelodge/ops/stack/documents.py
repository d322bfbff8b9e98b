"""The one host of client documents on this machine that the stack's desk can reach: for ``gatelodge verify``.

Invariant: what a person set for the desk stays in force; the host is added to it, never in its place. Its certificate
comes from the stack's own authority, which can speak for localhost and the names below it only, so that nobody without
the private state folder can publish a document there. Not here: who serves the documents (``ops.verify``).
"""

from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.record import write_private
from gatelodge.settings.desk import DeskSettings

__all__ = ["VERIFIER_HOST", "TrustUnreadable", "document_environment", "write_document_trust"]

VERIFIER_HOST = "verify.localhost"


class TrustUnreadable(GatelodgeError):
    """``GATELODGE_CA_FILE`` names a file that cannot be read."""

    code = Code.SETTINGS_INVALID


class _Chosen(BaseSettings):
    """What a person set, in the environment or in the checkout's ``.env``, as the desk would read it."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", extra="ignore")

    ca_file: str = ""
    client_document_hosts: str | None = None
    client_document_local_hosts: str = ""


def document_environment(layout: Layout, port: int) -> dict[str, str]:
    """The desk's variables with which it takes documents of ``VERIFIER_HOST``, served at a port of 127.0.0.1."""
    chosen = _chosen(layout)
    hosts = chosen.client_document_hosts
    if hosts is None:
        hosts = ",".join(sorted(DeskSettings.model_fields["client_document_hosts"].default))
    local = chosen.client_document_local_hosts
    return {
        "GATELODGE_CA_FILE": str(layout.desk_trust),
        "GATELODGE_CLIENT_DOCUMENT_HOSTS": _joined(hosts, VERIFIER_HOST),
        "GATELODGE_CLIENT_DOCUMENT_LOCAL_HOSTS": _joined(local, f"{VERIFIER_HOST}=127.0.0.1:{port}"),
    }


def write_document_trust(layout: Layout) -> None:
    """Write what the desk trusts: the stack's authority besides what a person named. Raises: TrustUnreadable."""
    authorities = [layout.ca_file.read_text(encoding="utf-8")]
    if named := _chosen(layout).ca_file:
        # Relative to where the desk runs.
        path = layout.checkout / named
        try:
            authorities.append(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise TrustUnreadable(
                f"GATELODGE_CA_FILE: {path} cannot be read: {error}", hint="Name a PEM file, or unset the variable."
            ) from error
    write_private(layout.desk_trust, "\n".join(authorities))


def _chosen(layout: Layout) -> _Chosen:
    # A parameter of every settings class, which the plugin for mypy does not know.
    return _Chosen(_env_file=layout.checkout / ".env")  # type: ignore[call-arg]


def _joined(given: str, more: str) -> str:
    return f"{given.strip().rstrip(',')},{more}" if given.strip() else more
