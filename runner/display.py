"""Progress of a start: one line a part in a terminal, one line an event elsewhere."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from runner.graph import Event

PIPE_CHARACTERS = 200
SIGNS = {
    "waiting": "[dim]waiting[/dim]",
    "started": "[yellow]starting[/yellow]",
    "ready": "[green]ready[/green]",
    "failed": "[red]failed[/red]",
}


def console() -> Console:
    """The terminal; a pipe has no width of its own, and nothing may be cut off there."""
    return Console(width=None if sys.stdout.isatty() else PIPE_CHARACTERS)


class Progress:
    """Context whose ``tell`` takes the graph's events."""

    def __init__(self, console: Console) -> None:
        self.kinds: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.began: dict[str, float] = {}
        self.live = Live(get_renderable=self.table, console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> "Progress":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def tell(self, event: Event) -> None:
        self.kinds[event.name] = event.kind
        if event.kind == "started":
            self.began[event.name] = time.monotonic()
        if event.kind not in ("ready", "failed"):
            return
        self.seconds[event.name] = event.seconds
        if not self.live:
            print(f"{event.name:20} {event.kind} after {event.seconds:.1f} s", flush=True)

    def table(self) -> Table:
        grid = Table.grid(padding=(0, 2))
        for name, kind in self.kinds.items():
            seconds = self.seconds.get(name, time.monotonic() - self.began[name] if name in self.began else None)
            grid.add_row(name, SIGNS[kind], "" if seconds is None else f"{seconds:.1f} s")
        return grid
