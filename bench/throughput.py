"""How fast one generator process sends, and how fast Flink catches up through everything it computes."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.settings import ROOT
from flink_jobs.submit import newest_checkpoint, running_since, stop, submit
from runner import graph, stack
from runner.control import Control
from runner.service import Service
from runner.tools import python
from verify.settle import flink_lag, settle, wait_for_flink

CATCH_UP_SECONDS = 1800
# From the event to its change in Kafka, as Debezium reads it.
PATH = ("flink_jobs", "connector")
STOP_SECONDS = 120


@dataclass(frozen=True)
class Sent:
    """By a generator's own closing line; ``per_second`` is without its start-up."""

    records: int
    per_second: float


def generate(*arguments: str) -> Sent:
    """Run a generator to its end."""
    done = subprocess.run(
        [python("core"), "-m", "generators", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=CATCH_UP_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"generators {arguments[0]} failed: {done.stderr.strip().splitlines()[-1]}")
    return sent(done.stderr)


def sent(output: str) -> Sent:
    found = re.search(r"([\d,]+) records in [\d,.]+ s, ([\d,]+)/s", output)
    if not found:
        raise RuntimeError(f"no rate in {output[-300:]!r}")
    return Sent(*(int(number.replace(",", "")) for number in found.groups()))


def throughput(events: int, customers: int) -> dict[str, object]:
    """Two backlogs: a shop's year in the order of its days, and events that all happen now, where no update of a session or a
    minute falls together with the next one of it. The first also with the path alone."""
    year = ("history", "--customers", str(customers), "--months", "12", "--seed")
    in_order, _ = backlog(*year, "903")
    at_once, generator = backlog("web_events", "--rate", "max", "--events", str(events), "--seed", "901")
    with path_alone():
        alone, _ = backlog(*year, "904")
    return {
        "generator_events_per_second": round(generator.per_second),
        "flink_catch_up_events_per_second": in_order,
        "flink_catch_up_path_alone_events_per_second": alone,
        "flink_catch_up_at_once_events_per_second": at_once,
        "command": "make bench: generators history, then web_events --rate max, each while the job is stopped;"
        " the job, from its start until the backlog is written; path alone: warehouse, batch side and pages stopped",
    }


@contextmanager
def path_alone() -> Iterator[None]:
    """Only what takes an event to its change in Kafka runs; the rest of the stack is back, and ready, afterwards."""
    settle()
    path, control = graph.closure(stack.parts(), PATH), Control()
    rest = [name for name, part in stack.parts().items() if isinstance(part, Service) and name not in path]
    for name in reversed(rest):
        control.stop(name)
    try:
        deadline = time.monotonic() + STOP_SECONDS
        while still := [name for name in rest if control.process(name).state not in ("STOPPED", "EXITED")]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"still running after {STOP_SECONDS} s: {', '.join(still)}")
            time.sleep(0.5)
        yield
    finally:
        stack.up(rest)


def backlog(*generator: str) -> tuple[int, Sent]:
    """Records a second of the job catching up, and what the generator sent. The two do not share the cores."""
    wait_for_flink(time.monotonic() + CATCH_UP_SECONDS, lambda text: print(text, flush=True))
    stop()
    given = generate(*generator)
    records = flink_lag()
    submit()
    return round(records / caught_up()), given


def caught_up() -> float:
    """Wait until the job that runs has finished with every record; the seconds it took, to the checkpoint that says so."""
    wait_for_flink(time.monotonic() + CATCH_UP_SECONDS, lambda text: print(text, flush=True))
    return newest_checkpoint() - running_since()
