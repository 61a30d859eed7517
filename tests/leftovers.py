"""The end of a stack of a test."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runner import processes


def stopped(var: Path, stop: Callable[[], subprocess.CompletedProcess[str]]) -> None:
    """AssertionError where the stop fails or leaves a process of the stack behind; what is left is killed in any case."""
    try:
        done = stop()
        assert done.returncode == 0, done.stdout + done.stderr
        left = {pid: processes.command(pid) for pid in processes.marked(var)}
        assert not left, f"left behind: {left}"
    finally:
        for pid in processes.marked(var):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
