"""What each part is doing now: state, health, port, memory."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from contracts.settings import settings
from runner import processes
from runner.control import Control, Process
from runner.display import console
from runner.service import NotReadyError, Part, Service, Step
from runner.services import parts
from runner.steps import steps

MEGABYTE = 1024 * 1024
HEALTH_CHARACTERS = 90


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


def health(part: Part, process: Process | None) -> str:
    """Empty when well, else the reason in one line."""
    if isinstance(part, Service) and (not process or process.state != "RUNNING"):
        return "not running"
    probe = part.ready if isinstance(part, Service) else part.check
    try:
        if probe:
            probe()
    except NotReadyError as error:
        return one_line(str(error))
    except Exception as error:
        return one_line(f"{type(error).__name__}: {error}")
    return ""


def one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= HEALTH_CHARACTERS else f"{line[: HEALTH_CHARACTERS - 1]}…"


def watched() -> dict[str, Part]:
    """Every service of this stack, and the steps that left something running."""
    return {name: part for name, part in {**parts(), **steps()}.items() if isinstance(part, Service) or part.check}


def healths() -> dict[str, str]:
    """By name: empty where the part is well, else the reason in one line. Probed now and side by side."""
    control = Control()
    known = control.processes() if control.running() else {}
    every = watched()
    with ThreadPoolExecutor(len(every)) as pool:
        found = pool.map(lambda part: health(part, known.get(part.name)), every.values())
        return dict(zip(every, found, strict=True))


def rows() -> list[Row]:
    found, control = healths(), Control()
    known = control.processes() if control.running() else {}
    ended, now = restarts(supervisord_log()), time.time()
    return [row(part, known.get(name), found[name], ended, now) for name, part in watched().items()]


def row(part: Part, process: Process | None, reason: str, ended: dict[str, int], now: float) -> Row:
    if isinstance(part, Step):
        return Row(part.name, "", reason, "", 0, 0, 0, "")
    running = process is not None and process.state in ("RUNNING", "STARTING")
    return Row(
        name=part.name,
        state=process.state.lower() if process else "stopped",
        health=reason,
        ports=", ".join(str(settings().port(name)) for name in part.ports),
        memory=processes.pss_bytes(processes.tree([process.pid])) if process and running else 0,
        uptime=int(now - process.started) if process and running else 0,
        restarts=ended.get(part.name, 0),
        page=part.page.url if part.page else "",
    )


def show() -> int:
    """Print the table; exit code 1 when a part is not well."""
    found = rows()
    table = Table("part", "state", "health", "port", "memory", "up", "restarts", "page", box=None, pad_edge=False)
    for each in found:
        well = Text(each.health, style="red") if each.health else Text("well", style="green")
        table.add_row(each.name, each.state, well, each.ports, *numbers(each), each.page)
    # With supervisord, and with whatever no service holds any more.
    total = processes.pss_bytes(processes.marked(settings().var))
    table.add_row("all", "", "", "", f"{total // MEGABYTE} MB")
    console().print(table)
    return int(any(each.health for each in found))


def numbers(found: Row) -> tuple[str, str, str]:
    """Memory, time since the start and restarts of a process; nothing for what is none."""
    if not found.uptime:
        return "", "", ""
    uptime = f"{found.uptime // 3600}:{found.uptime // 60 % 60:02}:{found.uptime % 60:02}"
    return f"{found.memory // MEGABYTE} MB", uptime, str(found.restarts)
