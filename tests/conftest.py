"""One native stack for the whole run, started by the command a person types."""

import os
from collections.abc import Iterator

import pytest
from document_site import DocumentSite, serve_documents
from native_stack import Stack, free_port, gatelodge, read_stack

# Tests make more calls as one user than any person would; limits have tests of their own, with their own settings.
for _name in ("CALLS", "ANONYMOUS_CALLS", "TOKEN_FAILURES", "LINKS", "LINKS_BY_ADDRESS"):
    os.environ.setdefault(f"GATELODGE_LIMIT_{_name}", "100000/minute")
for _name in ("CALLS_AT_ONCE", "STREAMS", "ALL_STREAMS"):
    os.environ.setdefault(f"GATELODGE_LIMIT_{_name}", "10000")


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentSite]:
    """The hosts of client documents that the stack's desk can reach."""
    with serve_documents(tmp_path_factory.mktemp("documents")) as site:
        yield site


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, documents: DocumentSite) -> Iterator[Stack]:
    """The stack, up and linked once; stopped at the end of the run."""
    state, port = tmp_path_factory.mktemp("stack"), free_port()
    started = gatelodge("up", "--detach", "--port", str(port), state=state, timeout=300, **documents.environment())
    try:
        assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
        running = read_stack(state, port)
        yield running
        running.admin.close()
    finally:
        gatelodge("down", state=state)
