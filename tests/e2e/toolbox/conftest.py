"""The native stack with the toolbox server, and a third party's stand-in of the model endpoints behind it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from models import KEY, PNG, models
from native_stack import free_port, gatelodge, read_stack
from toolbox_stack import Toolbox
from wire import tls_client

_FIXTURES: list[dict[str, Any]] = [
    {"match": {"userMessage": "a cat"}, "response": {"image": {"b64Json": PNG}}},
    {"match": {"systemMessage": "Find bugs"}, "response": {"content": "Line 1: no bug."}},
]


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    state, port = tmp_path_factory.mktemp("toolbox-stack"), free_port()
    with models(tmp_path_factory.mktemp("models"), _FIXTURES) as running:
        environment = {
            "TOOLBOX_IMAGE_PROVIDER": "openai",
            "TOOLBOX_IMAGE_URL": f"{running.url}/v1",
            "TOOLBOX_IMAGE_API_KEY": KEY,
            "TOOLBOX_LLM_URL": f"{running.url}/v1",
            "TOOLBOX_LLM_MODEL": "small",
            "TOOLBOX_LLM_API_KEY": KEY,
            "GATELODGE_GITHUB_CLIENT_ID": "gatelodge",
            "GATELODGE_GITHUB_CLIENT_SECRET": "of-no-app",
            # `grace` is the second user's name here, and no GitHub account of anybody.
            "ALLOWED_USERNAMES": "user:ada, Octocat, grace",
        }
        command = ("up", "--detach", "--port", str(port), "--with", "toolbox", "--no-link")
        started = gatelodge(*command, state=state, timeout=300, **environment)
        try:
            assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
            stack = read_stack(state, port)
            assert [name for name, _ in stack.users] == ["ada", "grace"]
            yield Toolbox(stack, running)
            stack.admin.close()
        finally:
            gatelodge("down", state=state)


@pytest.fixture
async def http(toolbox: Toolbox) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(toolbox.stack.ca_file) as client:
        yield client
