"""The server's own settings, ``TOOLBOX_*``: who may make images, and the two model endpoints.

What is given by halves refuses to start. Everything else of the process is the framework's.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from gatelodge.connections.config import checked_url
from gatelodge.core.secret import Secret
from gatelodge.settings.secret_files import check_secret_file, read_secret
from gatelodge.settings.users import AllowedUsersSettings

__all__ = ["ToolboxSettings"]

_KEY = "(as the provider shows it)"
_MODELS = {"workers-ai": "@cf/black-forest-labs/flux-1-schnell", "openai": "gpt-image-1"}


class ToolboxSettings(AllowedUsersSettings):
    """Settings of the tools; a key is read from its file where that is set and the key's own variable is not."""

    model_config = SettingsConfigDict(env_prefix="TOOLBOX_", arbitrary_types_allowed=True)

    mode: Literal["development", "production"] = Field(
        default="development",
        validation_alias="GATELODGE_MODE",
        examples=["development"],
        description="The server's setting: in development an endpoint may be http on loopback.",
    )

    image_provider: Literal["off", "workers-ai", "openai"] = Field(
        default="off",
        examples=["workers-ai"],
        description="Who makes images: `workers-ai` (Cloudflare), or `openai` for any endpoint of OpenAI's form.",
    )
    image_url: str = Field(
        default="",
        validate_default=True,
        examples=["https://api.cloudflare.com/client/v4/accounts/ACCOUNT/ai"],
        description="Its address, to which `/run/MODEL` or `/images/generations` is added. Needed with a provider.",
    )
    image_model: str = Field(
        default="",
        examples=["gpt-image-1"],
        description="Its model; without it `@cf/black-forest-labs/flux-1-schnell`, or `gpt-image-1` for `openai`.",
    )
    image_api_key_file: Path | None = Field(
        default=None, examples=["/run/secrets/images"], description="File with its key."
    )
    image_api_key: Secret | None = Field(
        default=None, validate_default=True, examples=[_KEY], description="Its key, in place of the file."
    )
    image_seconds: float = Field(
        default=60.0, ge=1, le=300, examples=["90"], description="Seconds that an image may take, 1 to 300."
    )
    image_bytes: int = Field(
        default=4 << 20,
        ge=1024,
        le=32 << 20,
        examples=["8388608"],
        description="Bytes that an image may have, 1024 to 33554432; a larger one is refused.",
    )

    llm_url: str = Field(
        default="",
        examples=["https://api.openai.com/v1"],
        description="Endpoint of OpenAI's form (`/chat/completions` is added) that reads code for clients without sampling.",
    )
    llm_model: str = Field(
        default="", validate_default=True, examples=["gpt-4.1-mini"], description="Its model. Needed with the address."
    )
    llm_api_key_file: Path | None = Field(default=None, examples=["/run/secrets/llm"], description="File with its key.")
    llm_api_key: Secret | None = Field(
        default=None, validate_default=True, examples=[_KEY], description="Its key, in place of the file."
    )
    llm_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens",
        examples=["max_completion_tokens"],
        description="The name under which it takes the length of its answer; some models refuse `max_tokens`.",
    )

    _check_files = field_validator("image_api_key_file", "llm_api_key_file")(check_secret_file)
    _read_keys = field_validator("image_api_key", "llm_api_key", mode="before")(read_secret)

    @field_validator("image_url", "llm_url")
    @classmethod
    def _check_url(cls, url: str, info: ValidationInfo) -> str:
        if not url and info.field_name == "image_url" and info.data.get("image_provider", "off") != "off":
            raise ValueError("is missing, and TOOLBOX_IMAGE_PROVIDER is set")
        return url and checked_url(url, development=info.data.get("mode") == "development")

    @field_validator("llm_model")
    @classmethod
    def _check_model(cls, model: str, info: ValidationInfo) -> str:
        if bool(model) != bool(info.data.get("llm_url")) and "llm_url" in info.data:
            raise ValueError("and TOOLBOX_LLM_URL are set together or not at all")
        return model

    @property
    def chosen_image_model(self) -> str:
        """The image model, the provider's usual one when none is set."""
        return self.image_model or _MODELS.get(self.image_provider, "")
