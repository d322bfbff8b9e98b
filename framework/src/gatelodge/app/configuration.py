"""What a process says about its settings when it starts: one line of what is in effect, and a line for each warning.

Invariant: no secret is in them. Not here: faults, which refuse the start (``settings.load``).
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_settings import BaseSettings

from gatelodge.settings.effective import in_short
from gatelodge.settings.findings import warnings_of
from gatelodge.settings.given import Given
from gatelodge.settings.unknown import unknown_variables

__all__ = ["log_configuration"]

logger = logging.getLogger(__name__)


def log_configuration(sections: Sequence[BaseSettings], *, from_environment: bool = True) -> None:
    """Log the settings in use; ``from_environment`` is false where a program gave them, and nothing is compared."""
    logger.info("configuration: %s", in_short(sections))
    given = Given.here() if from_environment else Given({})
    # Models imported by now are in use: a server author's own may have names that are unknown to us.
    unknown = unknown_variables(given, _descendants(BaseSettings))
    for line in (*warnings_of(sections, given), *unknown):
        logger.warning("configuration: %s", line)


def _descendants(model: type[Any]) -> Iterator[type[BaseSettings]]:
    for one in model.__subclasses__():
        yield one
        yield from _descendants(one)
