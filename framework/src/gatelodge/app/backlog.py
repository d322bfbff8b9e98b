"""Connections that the kernel has accepted and this process has not: the part of a queue that no request shows.

uvloop takes one new connection a turn of its loop. Under overload each turn is long, so callers on new connections wait in
the kernel for tens of seconds while the process sees few requests at once. Invariant: a short peak is nobody's fault and
refuses nobody; a queue that stays is too long until it is short again. Linux only (tcp(7), TCP_INFO: of a listening
socket ``tcpi_unacked`` is how many connections wait); elsewhere there is never one too long.
"""

import os
import socket
import struct
import sys
from collections.abc import Iterable

from gatelodge.core.clock import Clock

__all__ = ["BACKLOG_KEY", "FEW", "GRACE", "Backlog"]

# Where an application finds the ``Backlog`` of its server, in a request's scope.
BACKLOG_KEY = "gatelodge.backlog"
# As many connections may wait for good; more than that for longer than so many seconds are too many.
FEW = 100
GRACE = 0.5
# Seconds after which a queue that was too long counts as a new one.
_AGAIN = 1.0

# Seconds between two looks: what many requests ask is asked of the kernel once.
_LOOK = 0.005

# struct tcp_info of linux/tcp.h: eight bytes, then 32-bit numbers, of which tcpi_unacked is the fifth.
_UNACKED = struct.Struct("=24xI")


class Backlog:
    """What waits at a server's listening sockets."""

    def __init__(self, clock: Clock, *, few: int = FEW, grace: float = GRACE) -> None:
        self._clock, self._few, self._grace = clock, few, grace
        self._sockets: list[socket.socket] = []
        self._since: float | None = None
        self._looked = self._refused = float("-inf")
        self._found = 0

    def watch(self, descriptors: Iterable[int]) -> None:
        """Look at these listening sockets, by descriptor, from now on."""
        if sys.platform == "linux":
            self._sockets += [socket.socket(fileno=os.dup(descriptor)) for descriptor in descriptors]

    def length(self) -> int:
        """How many connections wait."""
        waiting = 0
        for listening in self._sockets:
            waiting += _UNACKED.unpack(listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.size))[0]
        return waiting

    def too_long(self) -> int:
        """How many wait, when that has been too many for too long; else 0."""
        now = self._clock.monotonic()
        if self._sockets and now - self._looked >= _LOOK:
            self._looked, self._found = now, self._judged(self.length(), now)
        return self._found

    def _judged(self, length: int, now: float) -> int:
        if length < self._few:
            if now - self._refused > _AGAIN:
                self._since = None
            return 0
        if self._since is None:
            self._since = now
        if now - self._since < self._grace:
            return 0
        self._refused = now
        return length

    def close(self) -> None:
        """Look at nothing any more."""
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()
