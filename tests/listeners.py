"""Which ports a stack listens on."""

import re
import subprocess
from pathlib import Path

from runner.processes import marked

LOOPBACK = ("127.0.0.1:", "[::ffff:127.0.0.1]:", "[::1]:")


def listeners(var: Path) -> list[str]:
    """address:port of every listening socket of the stack's processes, those that nobody chose included."""
    ours = marked(var)
    lines = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split()[3] for line in lines if ours & {int(pid) for pid in re.findall(r"pid=(\d+)", line)}]


def ports(addresses: list[str]) -> set[int]:
    return {int(each.rpartition(":")[2]) for each in addresses}


def beyond_loopback(addresses: list[str]) -> list[str]:
    return [each for each in addresses if not each.startswith(LOOPBACK)]
