"""What each part is doing now: state, health, port, memory."""

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contracts.settings import settings
from runner import processes
from runner.control import Control, Process
from runner.service import NotReadyError, Service, nothing
from runner.services import services

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One part; ``health`` is empty where the part is well, ``memory`` in bytes, ``uptime`` in seconds."""

    name: str
    state: str
    health: str
    ports: str
    memory: int
    uptime: int
    restarts: int
    page: str


def restarts(log: str) -> dict[str, int]:
    """How often each service ended by itself since supervisord's last start, from supervisord's own log."""
    counts: dict[str, int] = {}
    for line in log.rpartition("supervisord started with pid")[2].splitlines():
        if found := re.search(r" (?:INFO|WARN) exited: (\S+) ", line):
            counts[found[1]] = counts.get(found[1], 0) + 1
    return counts


def supervisord_log() -> str:
    path: Path = settings().var / "log" / "supervisord.log"
    return path.read_text(errors="replace") if path.exists() else ""


def health(service: Service, process: Process | None) -> str:
    """Empty when well, else the reason."""
    if not process or process.state != "RUNNING":
        return "not running"
    if service.ready is nothing:
        return ""
    try:
        service.ready()
    except NotReadyError as error:
        return str(error)
    return ""


def rows() -> list[Row]:
    """Every service of this stack, probed now and side by side."""
    control, every = Control(), services()
    known = control.processes() if control.running() else {}
    ended, now = restarts(supervisord_log()), time.time()
    with ThreadPoolExecutor(len(every)) as pool:
        healths = list(pool.map(lambda service: health(service, known.get(service.name)), every.values()))
    found = []
    for service, well in zip(every.values(), healths, strict=True):
        process = known.get(service.name)
        running = process is not None and process.state in ("RUNNING", "STARTING")
        found.append(
            Row(
                name=service.name,
                state=process.state.lower() if process else "stopped",
                health=well,
                ports=", ".join(str(settings().port(name)) for name in service.ports),
                memory=processes.pss_bytes(processes.tree([process.pid])) if process and running else 0,
                uptime=int(now - process.started) if process and running else 0,
                restarts=ended.get(service.name, 0),
                page=service.page.url if service.page else "",
            )
        )
    return found


def show() -> int:
    """Print the table; exit code 1 when a part is not well."""
    found, control = rows(), Control()
    table = Table("part", "state", "health", "port", "memory", "up", "restarts", "page", box=None, pad_edge=False)
    for row in found:
        well = "[green]well[/green]" if not row.health else f"[red]{row.health}[/red]"
        uptime = f"{row.uptime // 3600}:{row.uptime // 60 % 60:02}:{row.uptime % 60:02}"
        table.add_row(row.name, row.state, well, row.ports, f"{row.memory // MEGABYTE} MB", uptime, str(row.restarts), row.page)
    own = processes.pss_bytes([control.pid()]) if control.running() else 0
    total = sum(row.memory for row in found) + own
    table.add_row("supervisord", "running" if own else "stopped", "", "", f"{own // MEGABYTE} MB", "", "", "")
    table.add_row("all", "", "", "", f"{total // MEGABYTE} MB", "", "", "")
    # A pipe has no width of its own; nothing may be cut off there.
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    return int(any(row.health for row in found))
