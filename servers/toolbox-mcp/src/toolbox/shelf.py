"""Images for a short while, each for the one who had it made: what a link of this server leads to.

In memory, of this process: another replica does not have them, and a restart forgets them.
"""

import secrets
from collections import OrderedDict

from gatelodge.core.clock import Clock
from gatelodge.core.identity import Principal
from toolbox.images import Image

__all__ = ["LIFE", "Shelf"]

LIFE = 600.0  # seconds
_MAX_IMAGES, _MAX_BYTES = 50, 64 << 20


class Shelf:
    """The newest images; the oldest go first when there are too many or too large ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, tuple[str, str], Image]] = OrderedDict()

    def put(self, image: Image, owner: Principal | None) -> str:
        """Keep an image; its name. Of nobody, it is nobody's."""
        name = secrets.token_urlsafe(16)
        self._kept[name] = (self._clock.monotonic() + LIFE, _identity(owner), image)
        while len(self._kept) > _MAX_IMAGES or sum(len(kept.data) for _, _, kept in self._kept.values()) > _MAX_BYTES:
            self._kept.popitem(last=False)
        return name

    def get(self, name: str, owner: Principal | None) -> Image | None:
        """The image of that name, if it is this person's and still kept."""
        now = self._clock.monotonic()
        for old in [key for key, (ends, _, _) in self._kept.items() if ends <= now]:
            del self._kept[old]
        found = self._kept.get(name)
        return found[2] if found is not None and owner is not None and found[1] == _identity(owner) else None


def _identity(owner: Principal | None) -> tuple[str, str]:
    return ("", "") if owner is None else (owner.issuer, owner.subject)
