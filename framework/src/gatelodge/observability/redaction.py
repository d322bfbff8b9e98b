"""Credentials taken out of text and values: by type, by the name they stand under, and by their form.

The last line of defence: callers do not log secrets in the first place. Invariant: what is no credential stays readable.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from gatelodge.core.secret import Secret

__all__ = ["HIDDEN", "redact", "redacted"]

HIDDEN = "***"

# As ``_spelled`` gives them: ``accessToken`` and ``Access-Token`` are ``access_token``.
_NAMES = frozenset(
    {
        "api_key",
        "apikey",
        "assertion",
        "auth_session_id",
        "client_assertion",
        "code",
        "code_verifier",
        "csrf",
        "device_code",
        "encryption_key",
        "id_token_hint",
        "kc_restart",
        "keycloak_identity",
        "keycloak_session",
        "nonce",
        "passphrase",
        "passwd",
        "password",
        "pwd",
        "private_key",
        "secret",
        "session_id",
        "user_code",
        "vault_key",
    }
)
# Of longer names, such as variables and headers, the end says it.
_ENDS = ("_api_key", "_encryption_key", "_passphrase", "_password", "_private_key", "_secret", "_token", "_vault_key")
# Words of sentences too, where a colon follows: secrets as parameters, members and fields only.
_WORDS = frozenset({"cookie", "jwt", "set_cookie", "state", "token"})
_WHOLE = frozenset({"authorization", "proxy_authorization"}) | _WORDS
_MOST = 48

# A value in quotes up to their end (also where dumps escaped them), or up to the next separator.
_VALUE = re.compile(r"""(?!None\b)(?:\\{0,8}"(?:[^"\\]|\\+[^"\\])*\\{0,8}"|'(?:[^'\\]|\\.)*'|[^\s"'&,;})\]]+)""")
_NAME = re.compile(rf"""(?<![A-Za-z0-9-])([A-Za-z][\w-]{{2,{_MOST}}}+)(\\{{0,8}}["']?\s*[=:]\s*b?)""")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_Rule = tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]]


@lru_cache(2048)
def _spelled(name: str) -> str:
    return _HUMP.sub("_", name).replace("-", "_").lower()


def _secret_name(name: str) -> bool:
    name = _spelled(name)
    return name in _NAMES or name.endswith(_ENDS)


def _without_values(text: str) -> str:
    """``text`` without the values of names that say they are secrets."""
    parts: list[str] = []
    at = 0
    for found in _NAME.finditer(text):
        secret = _secret_name(found[1]) or (found[2].strip() != ":" and _spelled(found[1]) in _WORDS)
        value = _VALUE.match(text, found.end()) if secret and found.start() >= at else None
        if value is not None:
            parts += (text[at : found.end()], HIDDEN)
            at = value.end()
    return "".join((*parts, text[at:])) if parts else text


# Each with what has to be in a text, in lower case, for it to be tried: most texts need none of them.
_RULES: tuple[_Rule, ...] = (
    # A header with its whole value, as it is sent or as Python shows it.
    (
        ("cookie", "authorization"),
        re.compile(
            r"""(?ix)\b((?:set-)?cookie|(?:proxy-)?authorization)
            (?:(["']\s*[:,]\s*b?)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\s*[:=]\s*)[^\r\n"']+)"""
        ),
        lambda found: f"{found[1]}{found[2] or found[3]}{HIDDEN}",
    ),
    # Each part is looked through once: a run without a dot in it must not be walked from each of its beginnings.
    (("eyj",), re.compile(r"\beyJ(?:(?!-eyJ)[A-Za-z0-9_-])*+\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){0,3}"), HIDDEN),
    # RFC 6750, section 2.1. What an equals sign and a value follow is a name: ``auth_mode=bearer bind_host=::1``.
    (
        ("bearer", "basic"),
        re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{8,}+=*+(?!\w)"),
        rf"\1 {HIDDEN}",
    ),
    # RFC 7468; without an end up to the end of the text.
    (
        ("private key-----",),
        re.compile(r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]{0,24}PRIVATE KEY-----|\Z)"),
        HIDDEN,
    ),
    # Tokens of the providers, known by how they begin: GitHub, Slack, Atlassian, Notion, OpenAI.
    (
        (
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "xox",
            "xapp-",
            "atatt",
            "atctt",
            "secret_",
            "ntn_",
            "sk-",
        ),
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9_]{10,}|github_pat_\w{10,}|xox[a-z](?:\.xox[a-z])?-[\w-]{8,}|xapp-[\w-]{8,}"
            r"|AT[AC]TT[\w=.-]{8,}|(?:secret|ntn)_[A-Za-z0-9]{10,}|sk-[\w-]{16,})"
        ),
        HIDDEN,
    ),
    # User and password in a URL; of a database's also where the password was not encoded. An address of the web may have
    # a port and an @ in its path. The lengths bound what one beginning costs.
    (
        ("://",),
        re.compile(r"""(?<!http)(?<!https)://[^\s"'@/:]{0,128}:[^\s"']{0,512}@|://[^/\s@"']+@"""),
        f"://{HIDDEN}@",
    ),
    # Our own cookies, wherever they are shown.
    (
        ("gatelodge-",),
        re.compile(r"(?i)((?:__host-)?gatelodge-(?:session|sign-in)[a-z0-9-]{0,64})=[^\s;\"']+"),
        rf"\1={HIDDEN}",
    ),
)
# A key of the vault: 32 bytes in base64 or hexadecimal.
_KEY = re.compile(r"(?<![\w+/=-])(?:[A-Za-z0-9+/_-]{43}=|[0-9a-fA-F]{64})(?![\w+/=-])")
_SHORTEST_KEY = 44


def redact(text: str) -> str:
    """``text`` with ``***`` in place of everything that has the form of a credential."""
    lower = text.lower()
    for needles, pattern, instead in _RULES:
        for needle in needles:
            if needle in lower:
                text = pattern.sub(instead, text)
                break
    if "=" in text or ":" in text:
        text = _without_values(text)
    return _KEY.sub(HIDDEN, text) if len(text) >= _SHORTEST_KEY else text


def redacted(value: Any, name: str = "") -> Any:
    """A value for a log line, of types that JSON has, clean to any depth; ``name`` is what it stands under."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Secret) or (name and (_secret_name(name) or _spelled(name) in _WHOLE)):
        return HIDDEN
    if isinstance(value, Mapping):
        return {redact(_text(key)): redacted(item, _text(key)) for key, item in value.items()}
    if isinstance(value, tuple) and len(value) == 2:
        # A header, or an item of a mapping.
        return [redacted(value[0]), redacted(value[1], _text(value[0]))]
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item) for item in value]
    return redact(str(value))


def _text(name: object) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)
