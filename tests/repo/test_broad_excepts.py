"""Broad excepts stand at named edges, each with its reason, and nothing else swallows what it does not know."""

import ast
import re
from collections.abc import Iterator

import pytest

from repo.checkout import ROOT, relative, text_files

# The edges: file, and what it is the edge of. A new one is a decision, made here.
EDGES = {
    "framework/src/gatelodge/app/bridge/exchange.py": "a handler of the older era, answered in JSON-RPC",
    "framework/src/gatelodge/app/chores.py": "a task of a server that nobody awaits",
    "framework/src/gatelodge/app/desk/background.py": "a task of the desk that nobody awaits",
    "framework/src/gatelodge/app/edge.py": "a request of a server process",
    "framework/src/gatelodge/app/lifespan.py": "ASGI: what raises at once has no lifespan",
    "framework/src/gatelodge/ops/verify/run.py": "one check of another's server, reported as not evaluated",
}
_SOURCES = ("framework/src/", "sample-deep-research-mcp/src/", "servers/")
_BROAD = {"Exception", "BaseException"}
_REASON = re.compile(r"# (?:noqa: BLE001 - )?\S.{15,}")


def sources() -> Iterator[tuple[str, str]]:
    """Name and text of every module that is shipped."""
    for path, text in text_files().items():
        name = relative(path)
        if name.startswith(_SOURCES) and name.endswith(".py") and "/tests/" not in name:
            yield name, text


def broad(text: str) -> Iterator[ast.ExceptHandler]:
    """Handlers that take every error, but for those that only clean up and raise it again."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        named = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
        if node.type is not None and not named & _BROAD:
            continue
        last = node.body[-1]
        # ``raise`` at the end, also of another error made from this one.
        if not isinstance(last, ast.Raise):
            yield node


def swallowed(text: str) -> list[int]:
    """Lines of ``suppress(Exception)`` and its like."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "suppress"
        and any(isinstance(given, ast.Name) and given.id in _BROAD for given in node.args)
    ]


def test_broad_excepts_stand_at_the_named_edges_only() -> None:
    found = {name: len(handlers) for name, text in sources() if (handlers := list(broad(text)))}
    assert found == dict.fromkeys(EDGES, 1)


def test_each_edge_says_why() -> None:
    for name, text in sources():
        for handler in broad(text):
            # On its line, or on one of the two around it.
            around = text.splitlines()[handler.lineno - 2 : handler.lineno + 1]
            assert any(_REASON.search(line) for line in around), f"{name}:{handler.lineno}"


def test_no_lint_rule_about_excepts_is_switched_off_elsewhere() -> None:
    rules = re.compile(r"noqa:.*\b(BLE001|B904|E722|TRY2\d\d|TRY30[12]|S110|S112)\b")
    for name, text in sources():
        found = [line for line in text.splitlines() if rules.search(line)]
        assert found == [] or (name in EDGES and len(found) == 1), name


def test_nothing_suppresses_every_error() -> None:
    assert {name: lines for name, text in sources() if (lines := swallowed(text))} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("try:\n    a()\nexcept Exception:\n    pass\n", 1),
        ("try:\n    a()\nexcept (ValueError, Exception):\n    b()\n", 1),
        ("try:\n    a()\nexcept:\n    b()\n", 1),
        ("try:\n    a()\nexcept BaseException:\n    b()\n    raise\n", 0),
        ("try:\n    a()\nexcept ValueError:\n    pass\n", 0),
    ],
)
def test_the_search_finds_what_it_looks_for(text: str, count: int) -> None:
    assert len(list(broad(text))) == count


def test_the_search_sees_the_shipped_code() -> None:
    names = [name for name, _ in sources()]
    assert len(names) > 300
    assert all((ROOT / name).is_file() for name in EDGES)
