"""Read /proc: which processes belong to this stack, what they hold in memory, who listens on a port."""

import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
# In the environment of every process of a stack, with its VAR_DIR: finds what supervisord lost sight of.
MARKER = "ANALYTICS_STACK"


def alive() -> list[int]:
    return [int(each.name) for each in PROC.iterdir() if each.name.isdigit()]


def parents() -> dict[int, int]:
    """Parent of every living process; zombies are left out, since nothing of them runs."""
    found = {}
    for pid in alive():
        try:
            state, parent = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[pid] = int(parent)
    return found


def tree(roots: Iterable[int]) -> set[int]:
    """The given processes, as far as they live, and everything below them."""
    parent = parents()
    found = {pid for pid in roots if pid in parent}
    while more := {pid for pid, above in parent.items() if above in found and pid not in found}:
        found |= more
    return found


def marked(var: Path) -> set[int]:
    """Processes of the stack in ``var`` and their children, without the caller and the shells above it."""
    wanted = f"{MARKER}={var}".encode()
    roots = set()
    for pid in alive():
        try:
            if wanted in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                roots.add(pid)
        except OSError:
            continue
    return tree(roots) - _self_and_above()


def _self_and_above() -> set[int]:
    parent, pid, found = parents(), os.getpid(), set()
    while pid and pid not in found:
        found.add(pid)
        pid = parent.get(pid, 0)
    return found


def command(pid: int) -> str:
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "?"
    return " ".join(word.decode(errors="replace") for word in words)[:100].strip() or "?"


def pss_bytes(pids: Iterable[int]) -> int:
    """Memory with shared pages counted once over all who share them; what may not be read counts as nothing."""
    total = 0
    for pid in pids:
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024


def listener(port: int) -> int | None:
    """Process that listens on a TCP port, where we may see it."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = (PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            words = row.split()
            if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{words[9]}]")
    for pid in alive():
        try:
            if any(str(fd.readlink()) in inodes for fd in (PROC / str(pid) / "fd").iterdir()):
                return pid
        except OSError:
            continue
    return None
