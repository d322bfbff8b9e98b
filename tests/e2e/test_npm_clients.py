"""Links with the npm clients: mcp-remote and the TypeScript SDK (K1, B8)."""

from typing import Literal

import pytest
from native_stack import READ, Stack
from npm_clients import Installed, installed_or_skip

pytestmark = pytest.mark.stack

TOOLS = {"search", "fetch", "save_note"}


@pytest.fixture(scope="module")
def npm() -> Installed:
    return installed_or_skip()


@pytest.mark.parametrize("era", ["modern", "legacy", "auto"])
async def test_the_typescript_sdk_registers_links_and_lists_tools(
    stack: Stack, npm: Installed, era: Literal["modern", "legacy", "auto"]
) -> None:
    linked = await npm.typescript(stack.target(), era)
    stack.admin.delete_client(linked.client_id)
    assert set(linked.tools) == TOOLS
    assert READ in linked.scope.split()


@pytest.mark.parametrize("protocol", ["legacy", "auto"])
async def test_mcp_remote_registers_links_and_lists_tools(
    stack: Stack, npm: Installed, protocol: Literal["legacy", "auto"]
) -> None:
    linked = await npm.mcp_remote(stack.target(), protocol)
    stack.admin.delete_client(linked.client_id)
    assert set(linked.tools) == TOOLS
