"""The sample's settings: ``SAMPLE_*`` from the environment or ``.env``, and two it shares with gatelodge."""

import os
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from pydantic import Field, HttpUrl, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sample.index import analyzer

__all__ = ["Settings"]

_CHECKOUT = Path(__file__).parents[3]


class Settings(BaseSettings):
    """What to serve and where its documents can be opened."""

    model_config = SettingsConfigDict(
        env_prefix="SAMPLE_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    corpus_dir: Path = Field(
        default=_CHECKOUT / "docs",
        examples=["/srv/handbook"],
        description=(
            "Folder of Markdown, text and HTML files to search. A missing or unreadable folder refuses to start; a "
            "broken file in it is skipped and named in the log; changes are found without a restart."
        ),
    )
    corpus_public: bool = Field(
        default=False,
        examples=["true"],
        description=(
            "Whether anyone may read the documents. If so, each has a page at `/d/<id>`, which search results cite. "
            "Notes never have one."
        ),
    )
    base_url: HttpUrl | None = Field(
        default=None,
        examples=["https://handbook.example.com"],
        description=(
            "Where the documents can be opened: this URL and the file's path in the folder make the `url` of a "
            "result. Comes before the server's own pages."
        ),
    )
    language: str = Field(
        default="english",
        examples=["english"],
        description="Language for stemming.",
    )
    public_url: str = Field(
        default="",
        validation_alias="GATELODGE_PUBLIC_URL",
        examples=["https://mcp.example.com/mcp"],
        description="The server's setting: document pages lie beside the MCP endpoint.",
    )
    state_dir: Path = Field(
        default=Path(".gatelodge/server"),
        validation_alias="GATELODGE_STATE_DIR",
        examples=[".gatelodge/server"],
        description="The server's setting: notes are kept there, in `notes.sqlite3`.",
    )

    @field_validator("corpus_dir")
    @classmethod
    def _readable(cls, folder: Path) -> Path:
        try:
            os.scandir(folder).close()
        except OSError as error:
            raise ValueError(f"cannot read this folder of documents: {error.strerror}: {folder}") from error
        return folder

    @field_validator("language")
    @classmethod
    def _stemmed(cls, language: str) -> str:
        analyzer(language)
        return language

    @property
    def page_path(self) -> str:
        """Path of our own document pages, beside the MCP endpoint: ``/d/`` for ``https://host/mcp``."""
        return urlsplit(urljoin(self.public_url, "d/")).path

    def url_of(self, path: str, document_id: str) -> str:
        """Where a person can open a document: at its source, else on our own page if public, else nowhere."""
        if self.base_url:
            return f"{str(self.base_url).rstrip('/')}/{quote(path)}"
        return urljoin(self.public_url, f"d/{document_id}") if self.corpus_public else ""
