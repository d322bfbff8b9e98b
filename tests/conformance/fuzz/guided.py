"""``python -m conformance.fuzz.guided -max_total_time=60``: coverage-guided fuzz of the parsers alone, with atheris.

Arguments are libFuzzer's; it starts from a few inputs that parse, unless a folder of inputs is among them. An exception other than a parser's own refusal ends the run, writes the input to a file and
exits with a code other than 0. Needs ``tests``, ``tests/support`` and ``framework/tests/support`` on PYTHONPATH.
"""

import contextlib
import json
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports(include=["gatelodge.resource_server", "gatelodge.issuer", "gatelodge.app.message"]):
    from gatelodge.app.message import BodyMalformed, parse_operation
    from gatelodge.issuer.key_set import KeySetRefused, read_key_set
    from gatelodge.resource_server.bearer import CredentialsMalformed, bearer_token
    from gatelodge.resource_server.errors import TokenRejected
    from gatelodge.resource_server.jws import parse_compact
    from gatelodge.resource_server.strict_json import parse_object
    from gatelodge.testing.clock import ManualClock
    from gatelodge.testing.tokens import TokenFactory, encode_part

__all__ = ["try_parsers"]


def try_parsers(data: bytes) -> None:
    """One input to every parser; what is not refused in the parser's own words comes out as an exception."""
    with contextlib.suppress(CredentialsMalformed):
        bearer_token([(b"authorization", data)], data)
    for token in (data.decode("latin-1"), f"{encode_part(data)}.AAAA.AAAA"):
        with contextlib.suppress(TokenRejected):
            parse_compact(token, ("RS256", "ES256"))
    with contextlib.suppress(BodyMalformed):
        parse_operation(data)
    with contextlib.suppress(ValueError):
        document = parse_object(data)
        with contextlib.suppress(KeySetRefused):
            read_key_set(document)


def _seeds(folder: Path) -> None:
    """Inputs that come through each parser, for others to be made of."""
    tokens = TokenFactory("https://as.example", "https://mcp.example/mcp", ManualClock())
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read", "arguments": {}}}
    texts = [json.dumps(value) for value in ({"alg": "RS256", "kid": "k", "typ": "JWT"}, tokens.claims(), message)]
    texts += [json.dumps({"keys": [key]}) for key in tokens.jwks()["keys"]]
    texts += [f"Bearer {tokens.token(algorithm='ES256')}", tokens.token(algorithm="ES256"), "access_token=x&y=%61"]
    for number, text in enumerate(texts):
        (folder / str(number)).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory() as folder:
        _seeds(Path(folder))
        given = any(Path(argument).is_dir() for argument in sys.argv[1:])
        atheris.Setup([*sys.argv, *([] if given else [folder])], try_parsers)
        atheris.Fuzz()
