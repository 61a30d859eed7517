"""What stops a batch step, and how a program ends on it."""

import sys
from collections.abc import Callable

from contracts.settings import SettingsError


class LakeError(RuntimeError):
    """A step of the batch side cannot go on; the message is one line that names what and where."""


def one_line(error: BaseException) -> str:
    """The first line of an error's message, with its type where the message alone says little."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def exit_code(program: str, main: Callable[[], None]) -> int:
    """Run ``main``; 0, or 1 after one clear line on stderr."""
    try:
        main()
    except (LakeError, SettingsError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    return 0
