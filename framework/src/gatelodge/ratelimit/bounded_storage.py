"""Windows in the process's own memory: a storage for the library ``limits`` that cannot grow without bound.

The library's own one starts a task at every hit that hands each key to a thread; that costs 26 to 63 µs a hit in a
running loop (measured, limits 5.8.0), and its size is whatever callers make it. Invariant: at most ``most`` keys and
``entries`` moments are held, whoever calls; who was not seen for longest goes first, and begins with an empty window.
"""

from collections import OrderedDict, deque

from limits.aio.storage import MovingWindowSupport, Storage

from gatelodge.core.clock import Clock

__all__ = ["BoundedStorage"]


class BoundedStorage(Storage, MovingWindowSupport):
    """Moving windows on a monotonic clock; a key's moments are at most the rate's amount."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock, *, most: int = 10_000, entries: int = 500_000) -> None:
        super().__init__()
        self._clock, self._most, self._most_entries = clock, most, entries
        self._held: OrderedDict[str, deque[float]] = OrderedDict()
        self._entries = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def entries(self) -> int:
        """Moments held for all keys together."""
        return self._entries

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count one event, unless ``limit`` of them lie within the last ``expiry`` seconds."""
        if amount != 1:
            raise NotImplementedError("one event at a time")
        now, held = self._clock.monotonic(), self._held
        moments = held.get(key)
        if moments is None:
            moments = held[key] = deque()
        else:
            # Also who is refused stays remembered.
            held.move_to_end(key)
            # What is past counts for nothing, and would stay: most keys never come near their limit.
            while moments and moments[0] <= now - expiry:
                moments.popleft()
                self._entries -= 1
            if len(moments) >= limit:
                return False
        moments.append(now)
        self._entries += 1
        while len(held) > self._most or (self._entries > self._most_entries and len(held) > 1):
            self._entries -= len(held.popitem(last=False)[1])
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """The oldest moment within the window (now, when there is none), and how many there are."""
        now = self._clock.monotonic()
        within = [moment for moment in self._held.get(key, ()) if moment > now - expiry]
        return (within[0] if within else now), len(within)

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """Nothing here fails."""
        return ()

    async def clear(self, key: str) -> None:
        """Forget a key."""
        self._entries -= len(self._held.pop(key, ()))

    async def check(self) -> bool:
        """Memory is always there."""
        return True

    async def reset(self) -> int | None:
        """Forget everything; how many keys there were."""
        count, self._entries = len(self._held), 0
        self._held.clear()
        return count

    # What other strategies than the moving window use.

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError

    async def get(self, key: str) -> int:
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        raise NotImplementedError
