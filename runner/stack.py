"""Bring the stack up and down: services and steps in one graph."""

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping

from contracts.settings import env_file, settings
from runner import env, graph, preflight, stop, supervisor
from runner.control import DEAD, Control
from runner.graph import Event
from runner.lock import starting
from runner.logs import excerpt, written
from runner.service import NotReadyError, Part, Service, StackError
from runner.services import parts as service_parts
from runner.steps import steps

down = stop.down
LOG_LINES = 15


class PartError(StackError):
    """A part failed; ``lines`` are what its log says of it."""

    def __init__(self, message: str, lines: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)


def parts() -> dict[str, Part]:
    """Everything that a start consists of, by name."""
    return {**service_parts(), **steps()}


def silent(_: Event) -> None:
    """Tells nobody."""


def up(names: Iterable[str] | None = None, tell: Callable[[Event], None] = silent) -> dict[str, float]:
    """Bring up all parts, or the named ones and what they depend on; returns each part's seconds.

    What already runs is left alone. StackError (PartError with log lines) when something cannot start or is not ready in
    time; then everything that this call has started is stopped again.
    """
    env.write_missing(env_file())
    every = parts()
    wanted = graph.closure(every, names if names is not None else every)
    with starting():
        return _up(every, wanted, tell)


def _up(every: Mapping[str, Part], wanted: Mapping[str, Part], tell: Callable[[Event], None]) -> dict[str, float]:
    control = Control()
    stop.wait_for_supervisord(control)
    if not control.running():
        stop.end_leftovers(settings().var)
    states = {name: each.state for name, each in control.processes().items()} if control.running() else {}
    idle = [part for name, part in wanted.items() if isinstance(part, Service) and states.get(name) != "RUNNING"]
    preflight.check(idle)
    fresh = supervisor.ensure(every)
    started: list[str] = []

    def work(name: str, cancelled: threading.Event) -> None:
        part = wanted[name]
        try:
            if isinstance(part, Service):
                start(control, part, started, cancelled)
            else:
                part.run()
        except PartError:
            raise
        except Exception as error:
            (settings().var / "log" / "up.log").open("a").write(traceback.format_exc())
            raise PartError(f"{name}: {one_line(error)}") from error

    try:
        return graph.run(wanted, work, tell)
    except BaseException:
        if fresh:
            stop.down(save=False)
        else:
            stop.stop_services(control, started)
        raise


def one_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    return text if isinstance(error, StackError | NotReadyError) else f"{type(error).__name__}: {text}"


def start(control: Control, service: Service, started: list[str], cancelled: threading.Event) -> None:
    """Start a service unless it runs, and wait until it is ready."""
    log = supervisor.log_file(service.name)
    seen = log.stat().st_size if log.exists() else 0
    state = control.process(service.name).state
    if state in ("BACKOFF", "STOPPING"):
        # Between two attempts supervisord calls it started.
        stop.stop_services(control, [service.name])
    if state != "RUNNING":
        service.prepare()
        if cancelled.is_set():
            raise PartError(f"{service.name}: not started, since another part failed")
        started.append(service.name)
        control.start(service.name)
    wait_until_ready(control, service, cancelled, lambda: excerpt(written(log, seen), LOG_LINES))


def wait_until_ready(control: Control, service: Service, cancelled: threading.Event, log: Callable[[], list[str]]) -> None:
    pid, deadline, last = control.process(service.name).pid, time.monotonic() + service.start_seconds, "it did not answer"
    while True:
        process = control.process(service.name)
        if process.state in DEAD or process.pid != pid:
            raise PartError(f"{service.name}: died at start{f' ({process.reason})' if process.reason else ''}", log())
        if process.state == "RUNNING":
            try:
                service.ready()
            except NotReadyError as error:
                last = str(error)
            else:
                return
        if cancelled.is_set():
            raise PartError(f"{service.name}: given up, since another part failed")
        if time.monotonic() > deadline:
            raise PartError(f"{service.name}: not ready after {service.start_seconds} s: {last}", log())
        cancelled.wait(0.25)


def pages() -> list[tuple[str, str, str]]:
    """Title, address and login of every page of the stack."""
    found = (part.page for part in parts().values() if isinstance(part, Service) and part.page)
    return [(page.title, page.url, page.login) for page in found]
