"""What a fault may do to the running stack, and waiting with a deadline."""

import os
import signal
import time
from collections.abc import Callable

import psycopg

from contracts.settings import settings
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


def database() -> psycopg.Connection:
    """The shop's database as its owner."""
    return psycopg.connect(settings().postgres_dsn("postgres"), autocommit=True)


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
