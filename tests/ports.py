"""A range of ports for a stack of a test."""

import os
import socket

from contracts.settings import PORTS

# pytest-xdist's own: which of the processes that test at a time this is.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
# Below the range that the kernel hands out to clients; no two workers try the same one.
OFFSETS = range(8000, 23000, 500)[WORKER::WORKERS]


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
