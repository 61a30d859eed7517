"""One thing to install, and the mark that says it is whole."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

STAMP = ".stamp"


class SetupError(RuntimeError):
    """Something cannot be installed; the message is one line that says what and where."""


class Run(Protocol):
    """Runs a command with its output in the item's log; SetupError where it fails."""

    def __call__(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None: ...


@dataclass(frozen=True)
class Item:
    """What to install, the names in prerequisites.TOOLS that it needs, and the GB of disk that it takes with its caches."""

    name: str
    installed: Callable[[], bool]
    install: Callable[[Run], None]
    needs: tuple[str, ...] = ()
    disk_gb: float = 0


def is_stamped(directory: Path, fingerprint: str) -> bool:
    path = directory / STAMP
    return path.exists() and path.read_text() == fingerprint


def stamp(directory: Path, fingerprint: str) -> None:
    """The last step of an installation: nothing without it counts as installed."""
    (directory / STAMP).write_text(fingerprint)
