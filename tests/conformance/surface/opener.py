"""A process of its own that opens connections as fast as it can: python opener.py PORT COUNT [CA_FILE].

It prints the seconds that took, and holds all of them until its input ends.
"""

import socket
import ssl
import sys
import time


def main(port: int, count: int, ca_file: str | None) -> None:
    """Open them, every other one with a piece of a header sent."""
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    began, held = time.perf_counter(), list[socket.socket]()
    for number in range(count):
        wire = socket.create_connection(("127.0.0.1", port), timeout=60)
        held.append(context.wrap_socket(wire, server_hostname="localhost") if context else wire)
        if number % 2:
            held[-1].sendall(b"POST /mcp HTTP/1.1\r\nX-Slow: a")
    sys.stdout.write(f"{time.perf_counter() - began:.3f}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
