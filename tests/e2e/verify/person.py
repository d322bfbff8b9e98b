"""Plays the person's browser, as the command that BROWSER names: opens the address, signs in, follows to the listener."""

import asyncio
import os
import sys

from gatelodge.core.secret import Secret
from gatelodge.ops.link.browser import ScriptedBrowser


async def _main(url: str) -> None:
    environment = os.environ
    password = Secret(environment["PERSON_PASSWORD"])
    await ScriptedBrowser(environment["PERSON_CA"], environment["PERSON_NAME"], password).deliver(url)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
