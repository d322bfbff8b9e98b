"""Writes ``docs/reference/errors.md`` from ``core/codes.py``.

.venv/bin/python tests/repo/error_reference.py > docs/reference/errors.md
"""

import sys

from gatelodge.core.codes import Code

__all__ = ["render"]

_HEAD = """\
# Errors

This page is generated from `framework/src/gatelodge/core/codes.py`; a test compares the two. To write it again:

```bash
.venv/bin/python tests/repo/error_reference.py > docs/reference/errors.md
```

Every error that the project raises on purpose has one code of this closed set. A text may change between releases, a
code may not. In Python: `GatelodgeError.code`, `.status`, `.public` (the text below, safe to show anyone), `.detail` and
`.hint` (for operators).

- A **command** that fails prints what is wrong and the next step, and ends with an [exit code](cli.md#exit-codes).
- A **server** answers with the status and the text below, as `error` and `error_description` in a JSON body. `error`
  has the name that OAuth or this server gives it on the wire: `invalid_token`, `insufficient_scope`, `invalid_request`,
  `unauthorized`, `forbidden`, `temporarily_unavailable`. The text never repeats what the caller sent.
- The **desk** answers a refused registration with `invalid_redirect_uri` or `invalid_client_metadata` (RFC 7591, section
  3.2.2) and a text that says what would be accepted; `access_denied` when a policy of Keycloak says no.

Why a request was refused in detail is in the server's log (`token refused: expired`, for example), never in its answer.

"""
_ANSWERS = """\
## Answers to requests

What a caller can meet. The next step is for the person who runs the client or the server.

| Code | Status | Text | Next step |
|---|---|---|---|
"""
_COMMANDS = """
## Starts and commands

What ends a start or a command. No request is answered with these.

| Code | Text | Next step |
|---|---|---|
"""
# The status of codes that never become an answer.
_NO_ANSWER = 500


def render() -> str:
    """The whole page."""
    answers, commands = [_HEAD, _ANSWERS], [_COMMANDS]
    for code in Code:
        meaning = code.meaning
        if meaning.status == _NO_ANSWER:
            commands.append(f"| `{code.value}` | {meaning.text} | {meaning.hint} |\n")
        else:
            answers.append(f"| `{code.value}` | {meaning.status} | {meaning.text} | {meaning.hint} |\n")
    return "".join(answers + commands)


if __name__ == "__main__":
    sys.stdout.write(render())
