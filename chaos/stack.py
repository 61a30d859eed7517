"""What a fault may do to the running stack, and waiting with a deadline."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import psycopg

from contracts.settings import settings
from contracts.topics import CDC_SLOT
from runner.control import Control
from runner.services import services
from runner.stop import stop_services


def recovery_seconds() -> int:
    """In which a fault is to be overcome. A machine that does much else may need longer."""
    return settings().number("CHAOS_RECOVERY_SECONDS", 300)


class NotRecoveredError(RuntimeError):
    """Events do not flow again by the deadline; the message says where they stopped."""


class SkippedError(RuntimeError):
    """The fault cannot strike this stack; the message says what it would take."""


def one_of(kind: str, dice: Random) -> str:
    """One of the services of a kind: ``kafka`` stands for ``kafka-2`` and ``kafka-3`` too."""
    return dice.choice([name for name in services() if re.fullmatch(rf"{kind}(-\d+)?", name)])


def kill(service: str) -> None:
    """kill -9 of the service's process; its supervisor is not told."""
    os.kill(pid_of(service), signal.SIGKILL)


def lose(service: str) -> None:
    """kill -9, and its supervisor does not start it again."""
    pid = pid_of(service)
    Control().stop(service)
    os.kill(pid, signal.SIGKILL)


def pid_of(service: str) -> int:
    """The process that it is. RuntimeError where it is none: 0 would be a group of processes, our own."""
    if pid := Control().process(service).pid:
        return pid
    raise RuntimeError(f"{service} does not run")


def away(service: str, seconds: float) -> None:
    """Stopped, and started again after a while."""
    control = Control()
    stop_services(control, [service])
    try:
        time.sleep(seconds)
    finally:
        control.start(service)


def well(service: str) -> bool:
    """Raises, with the reason, where it is not."""
    services()[service].ready()
    return True


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A file system of one page lies over the folder: writing fails there as on a full disk, and what is beneath is untouched."""
    if os.geteuid() != 0:
        raise SkippedError(f"only root can put a full file system over {folder}")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "full-disk", folder], check=True, capture_output=True, text=True)
    try:
        yield
    finally:
        # A writer that is just failing may still hold it.
        subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True, text=True)


def database() -> psycopg.Connection:
    """The shop's database as its owner."""
    return psycopg.connect(settings().postgres_dsn("postgres"), autocommit=True)


def drop_slot(seconds: float = 60) -> None:
    """Drop the replication slot under its consumer, as a careless operator or a failover would."""
    end = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active"

    def dropped() -> bool:
        # Debezium comes back at once: between its end and its return the slot is free.
        connection.execute(end, (CDC_SLOT,))
        connection.execute("SELECT pg_drop_replication_slot(%s)", (CDC_SLOT,))
        return True

    with database() as connection:
        wait_until("the replication slot dropped", dropped, seconds)


def wait_until(what: str, holds: Callable[[], bool], seconds: float) -> None:
    """What raises does not hold yet: its service may be away. NotRecoveredError after the deadline."""
    began, last = time.monotonic(), "it does not hold"
    while True:
        try:
            if holds():
                return
        except Exception as error:
            last = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        if time.monotonic() - began > seconds:
            raise NotRecoveredError(f"{what}: not within {seconds:.0f} s; {last}")
        time.sleep(0.5)
