"""Images of both kinds of provider, as content and as a link; what is none, too large or from inside is refused.

OpenAI's form is answered by aimock. Workers AI has no third party's stand-in: there a few lines answer in its form.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2
import pytest
from fastmcp.exceptions import ToolError
from models import KEY, PNG, Models, models
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatelodge import Principal
from gatelodge.core.secret import Secret
from gatelodge.outbound.guard import GuardedOutbound
from gatelodge.testing.clock import ManualClock
from toolbox.endpoint import Endpoint
from toolbox.images import Image, Images
from toolbox.settings import ToolboxSettings
from toolbox.shelf import LIFE, Shelf

_PIXEL = base64.b64decode(PNG)
_JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
_RUN = "/client/v4/accounts/a1/ai/run/@cf/black-forest-labs/flux-1-schnell"
_ADA = Principal(issuer="https://as.example", subject="ada")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    fixtures: list[dict[str, Any]] = [
        {"match": {"userMessage": "a cat"}, "response": {"image": {"b64Json": PNG}}},
        {"match": {"userMessage": "kept"}, "response": {"image": {"url": "https://images.example/cat.png?sig=1"}}},
        {"match": {"userMessage": "inside"}, "response": {"image": {"url": "https://inside.example/"}}},
        {"match": {"userMessage": "plain"}, "response": {"image": {"url": "http://127.0.0.1:8080/"}}},
        {"match": {"userMessage": "a text"}, "response": {"image": {"b64Json": base64.b64encode(b"<svg/>").decode()}}},
        {"match": {"userMessage": "no base64"}, "response": {"image": {"b64Json": "&&"}}},
        {
            "match": {"userMessage": "indecent", "endpoint": "image"},
            "response": {"error": {"message": "Against the rules"}, "status": 400},
        },
    ]
    with models(tmp_path_factory.mktemp("models"), fixtures) as running:
        yield running


async def _resolve(host: str, port: int) -> Sequence[str]:
    return ["10.0.0.7"] if host == "inside.example" else ["93.184.215.14"]


async def _kept(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, stream=httpx2.ByteStream(_PIXEL if b"cat.png" in request.extensions["target"] else b""))


def openai(endpoint: Models, **more: Any) -> Images:
    given = ToolboxSettings(image_provider="openai", image_url=f"{endpoint.url}/v1", image_api_key=Secret(KEY), **more)
    # The public internet is not to be had in a test: its addresses are ours, and so is what is there.
    return Images(given, fetch=GuardedOutbound(resolver=_resolve, transport=httpx2.MockTransport(_kept)))


async def test_openai_s_form_gives_an_image_in_the_answer(endpoint: Models) -> None:
    images = openai(endpoint, image_model="gpt-image-2")
    assert await images.make("a cat", "1536x1024") == Image(_PIXEL, "image/png", None)
    await images.aclose()
    assert endpoint.calls("/v1/images")[-1]["body"]["model"] == "gpt-image-2"


async def test_an_image_that_the_provider_keeps_is_fetched_and_its_link_handed_on(endpoint: Models) -> None:
    images = openai(endpoint)
    assert await images.make("kept", "1024x1024") == Image(_PIXEL, "image/png", "https://images.example/cat.png?sig=1")
    await images.aclose()


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("inside", "image cannot be fetched"),
        ("plain", "image cannot be fetched"),
        ("a text", "gave no image"),
        ("no base64", "gave no image"),
        ("indecent", 'does not accept this. It says: "Against the rules".'),
        ("nothing fits this", "refused the call"),
    ],
)
async def test_what_is_no_image_or_leads_inside_is_refused_in_words(endpoint: Models, prompt: str, words: str) -> None:
    images = openai(endpoint)
    with pytest.raises(ToolError, match="The image provider") as caught:
        await images.make(prompt, "1024x1024")
    assert words in str(caught.value)
    await images.aclose()


class WorkersAI:
    """Answers as Cloudflare documents it: JSON with base64 for flux, bytes for the older models; keeps the requests."""

    def __init__(self, data: bytes, *, as_bytes: bool = False) -> None:
        self.data, self.as_bytes = data, as_bytes
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    async def run(self, request: Request) -> Response:
        self.asked.append((request.url.path, request.headers["authorization"], await request.json()))
        if self.as_bytes:
            return Response(self.data, media_type="image/png")
        image = {"image": base64.b64encode(self.data).decode()}
        return JSONResponse({"result": image, "success": True, "errors": [], "messages": []})

    def images(self, **more: Any) -> Images:
        """The provider with this behind it."""
        url = "https://api.cloudflare.com/client/v4/accounts/a1/ai"
        given = ToolboxSettings(image_provider="workers-ai", image_url=url, image_api_key=Secret(KEY), **more)
        app = Starlette(routes=[Route("/{rest:path}", self.run, methods=["POST"])])
        wire = httpx2.ASGITransport(app=app)
        cap = given.image_bytes * 3 // 2 + 4096
        return Images(given, Endpoint("The image provider", url, Secret(KEY), seconds=5, max_bytes=cap, transport=wire))


@pytest.mark.parametrize(("data", "as_bytes", "kind"), [(_JPEG, False, "image/jpeg"), (_PIXEL, True, "image/png")])
async def test_both_forms_of_workers_ai_give_an_image(data: bytes, as_bytes: bool, kind: str) -> None:
    cloudflare = WorkersAI(data, as_bytes=as_bytes)
    images = cloudflare.images()
    assert await images.make("a cat", "1024x1536") == Image(data, kind, None)
    await images.aclose()
    sent = {"prompt": "a cat", "width": 1024, "height": 1536}
    assert cloudflare.asked == [(_RUN, f"Bearer {KEY}", sent)]


@pytest.mark.parametrize(("size", "words"), [(1300, "larger than this server hands on"), (90_000, "no usable answer")])
async def test_an_image_over_the_cap_is_refused(size: int, words: str) -> None:
    images = WorkersAI(_PIXEL + bytes(size)).images(image_bytes=1024)
    with pytest.raises(ToolError, match=words):
        await images.make("a cat", "1024x1024")
    await images.aclose()


async def test_without_a_provider_the_answer_says_what_to_configure() -> None:
    images = Images(ToolboxSettings())
    with pytest.raises(ToolError, match="TOOLBOX_IMAGE_PROVIDER and TOOLBOX_IMAGE_URL"):
        await images.make("a cat", "1024x1024")
    await images.aclose()


def test_a_kept_image_is_its_owner_s_alone_for_ten_minutes() -> None:
    clock = ManualClock()
    shelf, image = Shelf(clock), Image(_PIXEL, "image/png", None)
    name = shelf.put(image, _ADA)
    assert shelf.get(name, _ADA) is image
    assert shelf.get(name, Principal(issuer=_ADA.issuer, subject="grace")) is None
    assert shelf.get(name, Principal(issuer="https://other.example", subject="ada")) is None
    assert shelf.get("other", _ADA) is None
    clock.advance(LIFE)
    assert shelf.get(name, _ADA) is None


def test_the_oldest_images_make_room_for_the_newest() -> None:
    shelf = Shelf(ManualClock())
    names = [shelf.put(Image(bytes(4 << 20), "image/png", None), _ADA) for _ in range(20)]
    assert [name for name in names if shelf.get(name, _ADA)] == names[-16:]
    many = [shelf.put(Image(b"", "image/png", None), _ADA) for _ in range(60)]
    assert [name for name in many if shelf.get(name, _ADA)] == many[-50:]
