"""Whether an answer is the one that an attack must get (catalogue, section 5; RFC 6750, section 3; RFC 9728, 5.1).

Pure: an attack and an answer in, a complaint or None out. Strict on purpose: a challenge is parsed by its grammar, and
nothing that the attack sent may stand in the answer.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx2
from wire import answer_of

from conformance.attacks.model import Attack, Expect
from gatelodge.core.codes import Code
from gatelodge.core.problem import problem

__all__ = ["complaint", "constant_part", "parameters"]

_CHALLENGE = re.compile(r'Bearer ((?:[a-z_]+="(?:[^"\\\x00-\x1f\x7f]|\\.)*"(?:, |$))+)')
_PARAMETER = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_STATUS = {Expect.E400: 400, Expect.E401: 401, Expect.E401N: 401, Expect.E403: 403}
_ERROR = {
    Expect.E400: "invalid_request",
    Expect.E401: "invalid_token",
    Expect.E401N: None,
    Expect.E403: "insufficient_scope",
}
_CODE = {
    Expect.E400: Code.CREDENTIALS_MALFORMED,
    Expect.E401: Code.TOKEN_REJECTED,
    Expect.E401N: Code.TOKEN_MISSING,
    Expect.E403: Code.SCOPE_MISSING,
}


def parameters(challenge: str) -> dict[str, str]:
    """The parameters of one Bearer challenge. Raises: ValueError when it is not exactly one."""
    found = _CHALLENGE.fullmatch(challenge)
    pairs = _PARAMETER.findall(found[1]) if found else []
    if not pairs or len({name for name, _ in pairs}) != len(pairs):
        raise ValueError(f"no single challenge: {challenge!r}")
    return dict(pairs)


def complaint(attack: Attack, response: httpx2.Response, public_url: str) -> str | None:
    """What is wrong with the answer, or None."""
    if attack.expect in {Expect.OK, Expect.UNKNOWN}:
        return _served(attack, response)
    if response.status_code != _STATUS[attack.expect]:
        return f"{response.status_code} instead of {attack.expect.value}: {response.text[:200]}"
    if response.headers.get_list("www-authenticate") == []:
        return "no challenge"
    try:
        challenge = parameters(", ".join(response.headers.get_list("www-authenticate")))
        body: Mapping[str, Any] = json.loads(response.content)
    except ValueError as error:
        return str(error)
    return _refused(attack, challenge, body, public_url) or _reflected(attack, response)


def constant_part(response: httpx2.Response) -> bytes:
    """The body's bytes with the request's id, as its header gives it, taken out: that alone may differ."""
    return response.content.replace(b'"%s"' % response.headers["x-request-id"].encode(), b'""')


def _served(attack: Attack, response: httpx2.Response) -> str | None:
    if response.status_code != 200:
        return f"{response.status_code} instead of 200: {response.text[:200]}"
    try:
        message = answer_of(response)
    except (ValueError, IndexError):
        return f"no JSON-RPC answer: {response.text[:200]}"
    failed = "error" in message or message.get("result", {}).get("isError") is True
    if failed != (attack.expect is Expect.UNKNOWN):
        return f"unexpected {str(message)[:200]}"
    # The word by which the test server's answer could be told from that of a component that is not there.
    return "the component ran" if failed and "purged" in response.text else None


def _refused(attack: Attack, challenge: Mapping[str, str], body: Mapping[str, Any], public_url: str) -> str | None:
    origin, _, path = public_url.partition("://")[2].partition("/")
    wanted = f"https://{origin}/.well-known/oauth-protected-resource/{path}"
    if challenge.get("resource_metadata") != wanted:
        return f"resource_metadata {challenge.get('resource_metadata')!r} is not {wanted}"
    if challenge.get("error") != _ERROR[attack.expect]:
        return f"error {challenge.get('error')!r} for {attack.expect.value}"
    code = _CODE[attack.expect]
    named = {"error": challenge.get("error", "unauthorized"), "error_description": code.meaning.text}
    # Constant but for the request's id, which is in a header of each answer.
    if {name: value for name, value in body.items() if name != "request_id"} != problem(code, None) | named:
        return f"body {body}"
    if missing := set(attack.scopes) - set(challenge.get("scope", "").split()):
        return f"the challenge lacks {sorted(missing)}"
    return None


def _reflected(attack: Attack, response: httpx2.Response) -> str | None:
    answer = response.content + b"".join(value for _, value in response.headers.raw)
    for _, value in attack.headers:
        sent = value.rpartition(b" ")[2]
        if len(sent) > 8 and sent in answer:
            return "the answer repeats what was sent"
    name = str(attack.params.get("name", ""))
    return "the answer repeats a name" if len(name) > 8 and name.encode() in answer else None
