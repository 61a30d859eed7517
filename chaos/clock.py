"""The wall clock of one service, moved while it runs, by a library that is compiled from ``clock.c``. The machine's stays."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

from chaos.stack import SkippedError, recovery_seconds
from contracts.settings import settings
from runner import probes, supervisor
from runner.control import Control
from runner.services import services
from runner.stack import parts
from runner.stop import stop_services

SOURCE = Path(__file__).with_name("clock.c")
SECONDS = struct.Struct("=q")


class Clock:
    """A service's clock, after a restart with the library loaded into it. ``release`` restarts it without."""

    def __init__(self, service: str) -> None:
        folder = settings().var / "chaos"
        folder.mkdir(parents=True, exist_ok=True)
        self.service, self.file = service, folder / f"{service}.ahead"
        self.file.write_bytes(SECONDS.pack(0))
        _restart(service, {"LD_PRELOAD": str(library(folder)), "CLOCK_AHEAD": str(self.file)})

    def set(self, seconds: int) -> None:
        """How far ahead, from now on. In place: the service has the file mapped."""
        file = os.open(self.file, os.O_WRONLY)
        try:
            os.pwrite(file, SECONDS.pack(seconds), 0)
        finally:
            os.close(file)

    def release(self) -> None:
        _restart(self.service, {})


def library(folder: Path) -> Path:
    """Compiled into this folder. SkippedError where there is no compiler."""
    compiler, library = shutil.which("cc"), folder / "clock.so"
    if not compiler:
        raise SkippedError("no C compiler: on Debian `apt-get install gcc libc6-dev`")
    command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", library, SOURCE]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{SOURCE} does not compile: {done.stderr.strip().splitlines()[0]}")
    return library


def _restart(service: str, environment: dict[str, str]) -> None:
    """With these variables beyond its own, until it is ready again."""
    control = Control()
    stop_services(control, [service])
    supervisor.ensure(parts(), {service: environment})
    control.start(service)
    probes.until(services()[service].ready, service, recovery_seconds())()
