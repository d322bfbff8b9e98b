"""Writes ``docs/reference/errors.md`` from ``core/codes.py`` and ``core/meanings``.

.venv/bin/python tests/repo/error_reference.py > docs/reference/errors.md
"""

import json
import sys

from gatelodge.core.codes import Code
from gatelodge.core.meanings.starts import STARTS
from gatelodge.core.problem import problem

__all__ = ["render"]

_HEAD = """\
# Errors

This page is generated from `framework/src/gatelodge/core/codes.py` and `core/meanings/`; a test compares them. To write it
again:

```bash
.venv/bin/python tests/repo/error_reference.py > docs/reference/errors.md
```

Every error that the project raises on purpose has one code of this closed set. A text may change between releases, a
code may not. In Python: `GatelodgeError.code`, `.status`, `.public` (the text below, safe to show anyone), `.detail` and
`.hint` (for operators), `.public_hint` (for callers).

## What an error looks like

A **command** that fails prints what is wrong and the next step, and ends with an [exit code](cli.md#exit-codes).

A **server** and the **desk** answer with the status below and a body of one form (problem details, RFC 9457), of the type
`application/problem+json`:

| Member | What it says |
|---|---|
| `type` | where this page explains the code: a path in the project's documentation, which has no public address yet; it is no address of the server. Programs compare `code` |
| `title` | the code's text; it never repeats what the caller sent |
| `status` | the HTTP status |
| `detail` | what was wrong this time where that can be said, else the likely cause |
| `code` | the code |
| `hint` | the next step |
| `request_id` | the id of the request, as in the header `X-Request-Id` and on each line of the server's log |
| `error`, `error_description` | the name that OAuth or this server gives it (`invalid_token`, `insufficient_scope`, `invalid_request`, `unauthorized`, `forbidden`, `temporarily_unavailable`, else the code), and the text |

```json
@EXAMPLE@
```

Further members are told where they occur: `provider` and `link_url` by the proxy, `waiting_for` and `checks` by `/health/ready`.

- The **MCP endpoint** has the same members, of the type `application/json`: MCP clients read its challenges after RFC
  6750, with `WWW-Authenticate` beside them. Where it answers in JSON-RPC, the members are the error's `data`.
- What MCP's own rules refuse (a media type, a revision, an unknown method) keeps its status and its JSON-RPC code, and has
  the members in `data`, beside those that MCP puts there.
- A **tool** that cannot do what was asked answers with a result that is an error: a text that says what to do, and the
  members in `_meta`, under `gatelodge/problem`. A **prompt** or **resource** answers with an error of JSON-RPC. An exception
  of the author's code is `internal_error` to the caller, whatever its text; a `GatelodgeError` is its code, text and hint;
  FastMCP's `ToolError`, `PromptError` and `ResourceError` are texts for people and are sent as they are, with `call_failed`.
- A refused **registration** has the type `application/json` and the form of RFC 7591, section 3.2.2:
  `invalid_redirect_uri` or `invalid_client_metadata` and a text that says what would be accepted; `access_denied` when a
  policy of Keycloak says no. The other members are beside them.
- What nobody foresaw is `internal_error`: always the same words, and one line in the log with the same request id.
- Without this form, and without a request id, are two things: what the HTTP parser refuses before there is a request (400,
  408, 431), and the separate bind of `/metrics`.

Why a request was refused in detail is in the server's log (`token refused: expired`, for example), never in its answer.

""".replace(
    "@EXAMPLE@",
    json.dumps(
        problem(
            Code.CONNECTION_MISSING,
            "0af7651916cd43dd8448eb211c80319c",
            error=Code.CONNECTION_MISSING.value,
            error_description=Code.CONNECTION_MISSING.meaning.text,
        ),
        indent=2,
    ),
)
_ANSWERS = """\
## Answers to requests

What a caller can meet. The next step is for the person who runs the client or the server.

"""
_COMMANDS = """\
## Starts and commands

What ends a start or a command. No request is answered with these.

"""


def render() -> str:
    """The whole page."""
    answers = [_entry(code) for code in Code if code.value not in STARTS]
    commands = [_entry(code) for code in Code if code.value in STARTS]
    return "\n".join(
        "".join(part) for part in ([_HEAD, _ANSWERS, "\n".join(answers)], [_COMMANDS, "\n".join(commands)])
    )


def _entry(code: Code) -> str:
    """One code, under a heading that makes its anchor."""
    meaning = code.meaning
    # Markdown would take what stands between < and > for a tag.
    cause, hint = (text.replace("<", "\\<") for text in (meaning.cause, meaning.hint))
    numbers = "" if code.value in STARTS else f"HTTP status {meaning.status} · JSON-RPC code {meaning.rpc}\n\n"
    return f"### `{code.value}`\n\n{meaning.text}\n\n{numbers}- Likely cause: {cause}\n- Next step: {hint}\n"


if __name__ == "__main__":
    sys.stdout.write(render())
