"""Keeps a provider's secret for a further server; the value is read from standard input and never shown.

``docker compose run --rm --no-deps -T prepare python /compose/secret.py github <FILE``. The workspace server, or the one of
``--server``, reads it as ``/run/secrets/github``; ``GATELODGE_GITHUB_CLIENT_SECRET_FILE`` names it.
"""

import argparse
import os
import sys
from pathlib import Path

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.stack.record import write_private

# The user of the server's image.
APP = 10001


def main() -> int:
    """Exit code 0 when it is kept, 2 for an empty value, else 1."""
    parser = argparse.ArgumentParser(prog="secret.py", description="Keep a provider's secret.")
    parser.add_argument("name", choices=["coda", "github", "images", "jira", "llm", "notion", "slack"])
    parser.add_argument("--server", choices=["toolbox", "workspace"], default="workspace")
    given = parser.parse_args()
    path = Path("/", given.server, given.name)
    value = sys.stdin.read().strip()
    if not value:
        sys.stderr.write("secret: standard input is empty: give the secret there, such as by <FILE\n")
        return 2
    try:
        write_private(path, value)
        os.chown(path, APP, -1)
    except GatelodgeError as error:
        sys.stderr.write(f"secret: {error.detail}\n  next step: {error.hint}\n")
        return 1
    sys.stdout.write(f"kept as /run/secrets/{path.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
