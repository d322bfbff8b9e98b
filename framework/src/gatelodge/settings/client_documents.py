"""Settings of clients whose ``client_id`` is the URL of a document: which are taken, and for how long.

A section of the desk's settings. Not here: what a document may say (``registration``).
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gatelodge.settings.process import Names, host_names, split

__all__ = ["ClientDocumentSettings"]

_WEEK = 7 * 86_400


class ClientDocumentSettings(BaseSettings):
    """Settings of clients that come with a document; ``mode`` is the process's."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True)

    client_documents: Literal["allow-list", "open", "off"] = Field(
        default="allow-list",
        examples=["allow-list"],
        description=(
            "Clients whose `client_id` is the URL of a document: `allow-list` takes those of "
            "`GATELODGE_CLIENT_DOCUMENT_HOSTS`, `open` takes all after a page that shows the host, `off` takes none."
        ),
    )
    client_document_hosts: Names = Field(
        default=frozenset({"chatgpt.com", "claude.ai", "vscode.dev"}),
        examples=["chatgpt.com,claude.ai"],
        description="Hosts of documents that are taken without a question, compared exactly.",
    )
    client_document_local_hosts: Annotated[Mapping[str, tuple[str, int]], NoDecode] = Field(
        default={},
        examples=["client.example=127.0.0.1:8444"],
        description=(
            "For developers of clients: hosts whose documents are read at a given address, `host=address:port`, be "
            "it internal or not. Refused in `production`."
        ),
    )
    client_documents_folder: Path | None = Field(
        default=None,
        examples=["infra/keycloak/clients"],
        description=(
            "Folder with dated copies of the well-known clients' documents, used when theirs cannot be fetched."
        ),
    )
    new_documents_per_address: int = Field(
        default=30,
        ge=1,
        examples=["30"],
        description=(
            "Documents that are not held yet and that one address may have fetched in a minute by opening sign-ins."
        ),
    )
    withdrawn_grace: int = Field(
        default=_WEEK,
        ge=0,
        examples=["86400"],
        description="Seconds until the client of a document that is gone is disabled.",
    )

    _split_document_hosts = field_validator("client_document_hosts", mode="before")(split)
    _check_document_hosts = field_validator("client_document_hosts")(host_names)

    @field_validator("client_documents_folder")
    @classmethod
    def _check_documents_folder(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_dir():
            raise ValueError(f"no such folder: {path}")
        return path

    @field_validator("client_document_local_hosts", mode="before")
    @classmethod
    def _read_local_hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return dict(map(_local_host, filter(None, re.split(r"[,\s]+", value))))

    @field_validator("client_document_local_hosts")
    @classmethod
    def _check_local_hosts(
        cls, hosts: Mapping[str, tuple[str, int]], info: ValidationInfo
    ) -> Mapping[str, tuple[str, int]]:
        if hosts and info.data.get("mode") == "production":
            raise ValueError("is for development only: GATELODGE_MODE is production")
        return hosts


def _local_host(entry: str) -> tuple[str, tuple[str, int]]:
    host, _, place = entry.partition("=")
    address, _, port = place.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= 65_535:
        raise ValueError(f"{entry!r} is not host=address:port")
    return host, (str(ip_address(address.strip("[]"))), int(port))
