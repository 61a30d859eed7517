"""A supervisord of our own with small programs: what changes, what backs off, what is still being stopped."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from contracts import settings as module
from runner import control as control_module
from runner import processes, stack, stop, supervisor
from runner.control import Control
from runner.service import NotReadyError, Service, StackError, nothing

STOP_SECONDS = 3
# Says that it ended in its own time.
UNHURRIED = "trap 'sleep {seconds}; echo {name} >> ended; exit 0' TERM; echo {name} >> began; while :; do sleep 0.1; done"


def service(name: str, script: str, **changes: object) -> Service:
    return Service(**{"name": name, "command": ("bash", "-c", script), "ready": nothing, **changes})  # type: ignore[arg-type]


def unhurried(name: str, seconds: int = STOP_SECONDS, **changes: object) -> Service:
    return service(name, UNHURRIED.format(name=name, seconds=seconds), **changes)


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "var"
    path.mkdir()
    monkeypatch.setenv("VAR_DIR", str(path))
    monkeypatch.setenv("ENV_FILE", str(tmp_path / ".env"))
    module.settings.cache_clear()
    rendered = supervisor.program

    def program(given: Service, level: int, environment: Mapping[str, str]) -> dict[str, object]:
        """The service's own command: runner.launch knows only the stack's."""
        text = f"bash -c {supervisor.shlex.quote(given.command[2])}"
        return {**rendered(given, level, environment), "command": text, "directory": path}

    monkeypatch.setattr(supervisor, "program", program)
    yield path
    for pid in processes.marked(path):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    module.settings.cache_clear()


def parts(*services: Service) -> dict[str, Service]:
    # What `down` asks for.
    jobmanager = service("flink-jobmanager", "sleep 1000")
    return {each.name: each for each in (*services, jobmanager)}


def start(*services: Service) -> Control:
    supervisor.ensure(parts(*services))
    control = Control()
    for each in services:
        stack.start(control, each, [], threading.Event())
    return control


def lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def wait_for(what: Callable[[], bool], name: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"{name} did not happen within {seconds} s"
        time.sleep(0.05)


def test_what_changed_stops_in_its_own_time_and_in_order(var: Path, monkeypatch: pytest.MonkeyPatch):
    made = control_module._Connection

    def impatient(host: str, timeout: float) -> control_module._Connection:
        """An answer may take less than a service's stop."""
        return made(host, timeout=STOP_SECONDS / 3)

    control = start(unhurried("base"), unhurried("above", depends_on=("base",)), unhurried("gone"), unhurried("same"))
    wait_for(lambda: len(lines(var / "began")) == 4, "the start of all")
    same = control.process("same").pid
    monkeypatch.setattr(control_module, "_Connection", impatient)
    changed = {"stop_seconds": 19}
    supervisor.ensure(
        parts(
            unhurried("base", **changed),
            unhurried("above", depends_on=("base",), **changed),
            unhurried("same"),
            unhurried("new"),
        )
    )
    known = control.processes()
    assert set(known) == {"base", "above", "same", "new", "flink-jobmanager", supervisor.LISTENER}
    assert known["same"].pid == same
    ended = lines(var / "ended")
    assert sorted(ended) == ["above", "base", "gone"], "none was killed"
    assert ended.index("above") < ended.index("base")


def test_a_configuration_that_cannot_be_taken_up_is_one_line(var: Path):
    start(unhurried("base"))
    with pytest.raises(StackError, match="supervisord does not take up its configuration: <Fault 92"):
        supervisor.ensure(parts(unhurried("base", stop_signal="NONE")))


def test_a_service_between_two_attempts_is_started(var: Path):
    """It fails until what it needs is there; supervisord calls it started meanwhile."""

    def ready() -> None:
        if not (var / "began").exists():
            raise NotReadyError("not begun")

    fickle = service("fickle", "[ -e wanted ] && echo >> began && exec sleep 1000", ready=ready)
    supervisor.ensure(parts(fickle))
    control = Control()
    control.start("fickle")
    wait_for(lambda: control.process("fickle").state == "BACKOFF", "a failed attempt")
    # Late enough for the pause between two attempts to be long.
    (var / "wanted").touch()
    wait_for(lambda: control.process("fickle").state == "BACKOFF", "the pause")
    stack.start(control, fickle, [], threading.Event())
    assert control.process("fickle").state == "RUNNING"


def test_services_that_supervisord_is_stopping_keep_their_grace(var: Path):
    control = start(unhurried("database"))
    wait_for(lambda: lines(var / "began") == ["database"], "the start")
    os.kill(control.pid(), signal.SIGTERM)
    wait_for(control.ending, "the shutdown's begin")
    assert not control.running()
    assert stop.down() == 0
    assert lines(var / "ended") == ["database"]
    assert processes.marked(var) == set()
