"""Images by a provider: Cloudflare Workers AI, or any endpoint of OpenAI's form.

Forms: https://developers.cloudflare.com/workers-ai/ (``POST /run/{model}``: an image's bytes, or JSON with
``result.image``), https://platform.openai.com/docs/api-reference/images/create (``data[0]``: ``b64_json`` or ``url``).
Invariant: what is handed on is an image by its first bytes and no larger than the cap; an address that the provider
gives is fetched only when it is https on a public host.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from gatelodge.core.errors import GatelodgeError
from gatelodge.outbound.client import Answer
from gatelodge.outbound.guard import GuardedOutbound
from toolbox.endpoint import Endpoint
from toolbox.faults import Away, Fault, NotSetUp, Unusable
from toolbox.settings import ToolboxSettings

__all__ = ["Image", "Images"]

_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"))
_WHAT = "The image provider"


@dataclass(frozen=True, slots=True)
class Image:
    """An image; ``url`` is where the provider keeps it, if it does."""

    data: bytes
    mime_type: str
    url: str | None


class Images:
    """The configured provider."""

    def __init__(
        self, settings: ToolboxSettings, endpoint: Endpoint | None = None, fetch: GuardedOutbound | None = None
    ) -> None:
        self._settings = settings
        url, key, seconds = settings.image_url, settings.image_api_key, settings.image_seconds
        # Base64 takes a third more than the image, and JSON some.
        answer_bytes = settings.image_bytes * 3 // 2 + 4096
        self._endpoint = endpoint or Endpoint(_WHAT, url, key, seconds=seconds, max_bytes=answer_bytes)
        self._fetch = fetch or GuardedOutbound(timeout=seconds)

    async def make(self, prompt: str, size: str) -> Image:
        """One image of ``size``, such as 1024x1024. Raises: Fault."""
        settings, model = self._settings, self._settings.chosen_image_model
        if settings.image_provider == "off":
            raise NotSetUp(
                "No image provider is configured.",
                "Ask the operator of this server to set TOOLBOX_IMAGE_PROVIDER and TOOLBOX_IMAGE_URL.",
            )
        if settings.image_provider == "openai":
            answer = await self._endpoint.post(
                "/images/generations", {"model": model, "prompt": prompt, "n": 1, "size": size}
            )
            return await self._of_openai(answer)
        width, height = map(int, size.split("x"))
        answer = await self._endpoint.post(f"/run/{model}", {"prompt": prompt, "width": width, "height": height})
        if answer.headers.get("content-type", "").startswith("image/"):
            return self._image(answer.body)
        return self._image(_decoded(_object(_json(answer).get("result")).get("image")))

    async def aclose(self) -> None:
        """Close connections."""
        await self._endpoint.aclose()
        await self._fetch.aclose()

    async def _of_openai(self, answer: Answer) -> Image:
        entries = _json(answer).get("data")
        entry = _object(entries[0] if isinstance(entries, list) and entries else None)
        url = entry.get("url")
        if not isinstance(url, str) or entry.get("b64_json"):
            return self._image(_decoded(entry.get("b64_json")))
        try:
            fetched = await self._fetch.get(url, max_bytes=self._settings.image_bytes)
        except GatelodgeError as error:
            raise Away(f"{_WHAT}'s image cannot be fetched.", "Try again.") from error
        return self._image(fetched.body if fetched.status == 200 else b"", url)

    def _image(self, data: bytes, url: str | None = None) -> Image:
        if len(data) > self._settings.image_bytes:
            raise Fault("The image is larger than this server hands on.", "Ask for a smaller size.")
        for magic, mime_type in _KINDS:
            if data.startswith(magic) and (magic != b"RIFF" or data[8:12] == b"WEBP"):
                return Image(data, mime_type, url)
        raise Unusable(f"{_WHAT} gave no image.", "Change the prompt, or try again.")


def _json(answer: Answer) -> dict[str, Any]:
    try:
        return answer.json_object()
    except GatelodgeError as error:
        raise Unusable(f"{_WHAT} gave no usable answer.", "Try again in a minute.") from error


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""
