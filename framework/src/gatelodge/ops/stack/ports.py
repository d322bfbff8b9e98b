"""The ports of a stack: checked before anything starts, the internal ones chosen by the kernel unless given."""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from gatelodge.ops.stack.failures import PortBusy
from gatelodge.ops.stack.options import StackOptions

__all__ = ["Ports", "choose_ports"]

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """One port per listener; all but ``public`` are on loopback."""

    public: int
    ping: int
    keycloak: int
    management: int
    desk: int
    server: int
    servers: tuple[int, ...] = ()
    # Where ``gatelodge verify`` serves its client document; nothing of the stack listens there.
    documents: int = 0
    # Of each part of ours, by its name.
    metrics: Mapping[str, int] = field(default_factory=dict)
    prometheus: int = 0


def choose_ports(options: StackOptions) -> Ports:
    """Check the given ports and choose the others. Raises: PortBusy."""
    _check_bind(options.bind)
    given = {
        "--port": (options.bind, options.port),
        "--keycloak-port": (_LOOPBACK, options.keycloak_port),
        "--desk-port": (_LOOPBACK, options.desk_port),
        "--server-port": (_LOOPBACK, options.server_port),
    }
    held: list[socket.socket] = []
    try:
        for option, (host, port) in given.items():
            if port is not None:
                held.append(_listen(host, port, option))
        # Held until all are chosen: the kernel must not give one number twice.
        free = [_listen(_LOOPBACK, 0, "an internal port") for _ in range(9 + 2 * len(options.servers))]
        held += free
        numbers = iter([int(listener.getsockname()[1]) for listener in free])
        return Ports(
            public=options.port,
            ping=next(numbers),
            management=next(numbers),
            keycloak=options.keycloak_port or next(numbers),
            desk=options.desk_port or next(numbers),
            server=options.server_port or next(numbers),
            servers=tuple(next(numbers) for _ in options.servers),
            documents=next(numbers),
            metrics={name: next(numbers) for name in options.observed},
            prometheus=next(numbers),
        )
    finally:
        for listener in held:
            listener.close()


def _check_bind(address: str) -> None:
    try:
        parsed = ip_address(address)
    except ValueError as error:
        raise PortBusy(f"--bind {address} is no IP address", hint="Give an address such as 127.0.0.1.") from error
    if not (parsed.is_loopback or parsed.is_unspecified):
        # The public name is localhost: the stack must be reachable there.
        raise PortBusy(f"--bind {address} leaves localhost out", hint="Use 127.0.0.1, or 0.0.0.0 for all addresses.")


def _listen(host: str, port: int, option: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    # Connections that a stopped stack left closing do not count as a user of the port.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortBusy(
            f"port {port} on {host} {_reason(error)} ({option})",
            hint=f"Free the port, or choose another with {option}.",
        ) from error
    return listener


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "is in use"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "needs more rights than this user has"
    return f"cannot be used: {error.strerror}"
