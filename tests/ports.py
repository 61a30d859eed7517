"""A range of ports for a stack of a test."""

import socket

from contracts.settings import PORTS

# Below the range that the kernel hands out to clients.
OFFSETS = range(8000, 23000, 500)


def free_offset() -> int:
    """A PORT_OFFSET under which all ports of a stack are free."""
    for offset in OFFSETS:
        try:
            for port in PORTS.values():
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return offset
    raise AssertionError("no free range of ports")
