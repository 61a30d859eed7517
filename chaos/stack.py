"""What a fault may do to the running stack, and waiting with a deadline."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from contracts.settings import settings
from contracts.topics import CDC_SLOT
from runner.control import Control


class NotRecoveredError(RuntimeError):
    """Events do not flow again by the deadline; the message says where they stopped."""


def kill(service: str) -> None:
    """kill -9 of the service's process; its supervisor is not told."""
    os.kill(Control().process(service).pid, signal.SIGKILL)


def away(service: str, seconds: float) -> None:
    """Stopped, and started again after a while."""
    control = Control()
    control.stop(service)
    time.sleep(seconds)
    control.start(service)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A file system of one page lies over the folder: writing fails there as on a full disk, and what is beneath is untouched."""
    if os.geteuid() != 0:
        raise RuntimeError(f"only root can put a full file system over {folder}")
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
