"""Run the parts of a graph as soon as their predecessors are done, in threads, until all are or one fails."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from runner.service import StackError


class Node(Protocol):
    @property
    def depends_on(self) -> tuple[str, ...]: ...

    @property
    def alongside(self) -> tuple[str, ...]: ...


# Every service and step has a shorter deadline of its own; what has none hangs.
SILENT_SECONDS = 1800

N = TypeVar("N", bound=Node)


@dataclass(frozen=True)
class Event:
    """A node is waiting, started, ready or failed; ``seconds`` since it began."""

    name: str
    kind: str
    seconds: float = 0.0
    error: BaseException | None = None


def closure(nodes: Mapping[str, N], names: Iterable[str]) -> dict[str, N]:
    """The named nodes and all that they need, in the mapping's order. StackError names an unknown one."""
    wanted, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in nodes:
            raise StackError(f"no part is called {name!r}; there are {', '.join(nodes)}")
        if name not in wanted:
            wanted.add(name)
            waiting.extend((*nodes[name].depends_on, *nodes[name].alongside))
    return {name: node for name, node in nodes.items() if name in wanted}


def run(
    nodes: Mapping[str, Node], work: Callable[[str, threading.Event], object], tell: Callable[[Event], None]
) -> dict[str, float]:
    """``work(name, cancelled)`` for every node in order of dependencies; returns the seconds that each took.

    The first failure sets ``cancelled``, so that waiting work gives up, and is raised. StackError names the nodes at work where
    none ends for SILENT_SECONDS. Threads are daemons: work that hangs does not keep the program from ending.
    """
    cancelled, events, active = threading.Event(), queue.SimpleQueue(), set()
    waiting, done, seconds = set(nodes), set(), {}

    def guarded(name: str) -> None:
        started = time.monotonic()
        try:
            work(name, cancelled)
        except BaseException as error:
            events.put(Event(name, "failed", time.monotonic() - started, error))
        else:
            events.put(Event(name, "ready", time.monotonic() - started))

    for name in nodes:
        tell(Event(name, "waiting"))
    try:
        while len(done) < len(nodes):
            for name in [each for each in nodes if each in waiting and set(nodes[each].depends_on) <= done]:
                waiting.remove(name)
                active.add(name)
                tell(Event(name, "started"))
                threading.Thread(target=guarded, args=(name,), name=name, daemon=True).start()
            if not active:
                raise StackError(f"{', '.join(sorted(waiting))} wait for each other")
            try:
                event = events.get(timeout=SILENT_SECONDS)
            except queue.Empty:
                raise StackError(f"{', '.join(sorted(active))} did not end within {SILENT_SECONDS} s") from None
            active.remove(event.name)
            tell(event)
            if event.error:
                raise event.error
            done.add(event.name)
            seconds[event.name] = event.seconds
    finally:
        cancelled.set()
    return seconds
