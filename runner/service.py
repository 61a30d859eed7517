"""What a part of the stack is: a process that is kept running, or a step that is done once its predecessors are ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.settings import ROOT


class StackError(Exception):
    """The stack cannot go on; the message is one line that names the part and the cause."""


class NotReadyError(Exception):
    """A probe's answer while the part is still starting; the message says what is missing."""


@dataclass(frozen=True)
class Page:
    """An address that people open in a browser."""

    title: str
    url: str
    login: str = ""


def nothing() -> None:
    """The prepare step of a service that needs none."""


@dataclass(frozen=True)
class Service:
    """A process of the stack. Its secrets travel in ``environment`` or in files of mode 0600, never in ``command``."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], None]
    """Returns when the service does its work; raises NotReadyError, or its client's error, until then."""
    depends_on: tuple[str, ...] = ()
    """Parts that must be ready before it starts."""
    alongside: tuple[str, ...] = ()
    """Parts that it works with and that may start at the same time; they stop after it."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    knows_settings: bool = False
    """Reads ``contracts.settings`` itself, so it keeps secrets that came by the process environment."""
    directory: Path = ROOT
    ports: tuple[str, ...] = ()
    """Names in ``contracts.settings.PORTS``."""
    needs: tuple[Path, ...] = ()
    """Installed files and directories without which it cannot start."""
    prepare: Callable[[], None] = nothing
    """Files and directories that must exist before the start; may run any number of times."""
    page: Page | None = None
    memory_mb: int = 0
    """About what it holds when busy; start-up refuses when the sum does not fit."""
    start_seconds: int = 240
    """Deadline for ``ready`` after the start."""
    stop_seconds: int = 20
    stop_signal: str = "TERM"
    stop_as_group: bool = True


@dataclass(frozen=True)
class Step:
    """Something to do once per start, which may be done again without harm."""

    name: str
    run: Callable[[], object]
    depends_on: tuple[str, ...] = ()
    alongside: tuple[str, ...] = ()
    check: Callable[[], None] | None = None
    """Where what the step began goes on running: a probe of it, as a service's ``ready``."""


Part = Service | Step
