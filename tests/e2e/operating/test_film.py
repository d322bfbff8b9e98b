"""The film of docs/guides/operating.md is what happens: the client's text, the log's lines and the figures of five failures."""

import re
from collections.abc import Iterator

import pytest
from failure_film import SCENES, Set, in_guide, normalised, running, shown
from native_stack import Stack
from wire import tls_client

# One event, one module: what a failure looks like from outside is the same whatever the machine.
_CODES = {
    "scope-missing": "scope_missing",
    "limit-reached": "limit_reached",
    "signing-key-wrong": "token_rejected",
    "vault-key-wrong": "vault_unreadable",
    "keycloak-stopped": "issuer_unavailable",
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stack]:
    """The stack of the film; the one of the other tests must keep its Keycloak."""
    with running() as stack:
        yield stack


@pytest.mark.parametrize("name", SCENES)
async def test_a_failure_looks_as_the_guide_shows_it(stage: Stack, name: str) -> None:
    async with tls_client(stage.ca_file) as http:
        texts = [shown(text, stage) for text in await SCENES[name](Set(stage, http))]
    answer, lines, figures = texts[:3]
    code = _CODES[name]
    # The same code with the client, in a figure, and by its request id in the log.
    assert f'"code":"{code}"' in answer
    assert f'gatelodge_errors_total{{code="{code}"}} +1' in figures
    request = re.search(r"x-request-id: (\w+)", answer)
    assert request
    assert len(lines.splitlines()) >= 2
    assert all(f"request_id={request[1]}" in line for line in lines.splitlines())
    again = "run: .venv/bin/python tests/support/failure_film.py"
    assert [normalised(text) for text in texts] == [normalised(text) for text in in_guide(name)], again
