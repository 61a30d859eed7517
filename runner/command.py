"""Programs that a start runs to their end, each with a deadline."""

import subprocess
from collections.abc import Sequence
from typing import Any

from runner.service import StackError

# Many times what migrations take on a slow machine: a program that takes longer hangs.
COMMAND_SECONDS = 900
# As a shell counts a program that SIGINT ended.
INTERRUPTED = 130


def run(what: str, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run``, text in and out; a program that does not end is killed, and StackError says ``what`` it was."""
    try:
        return subprocess.run(command, text=True, timeout=COMMAND_SECONDS, **options)
    except subprocess.TimeoutExpired:
        raise StackError(f"{what} did not end within {COMMAND_SECONDS} s") from None
