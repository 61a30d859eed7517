"""The whole journey: start, a year of events, a live stream, the batch side through Airflow, and what went where."""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Column, Table

from contracts.settings import ROOT, SettingsError, settings
from contracts.steps import Value
from runner import stack
from runner.airflow_client import Airflow, AirflowError, States
from runner.command import INTERRUPTED
from runner.display import Progress, console
from runner.hops import HOPS, Counts, hops, segments
from runner.service import StackError
from runner.tools import python
from verify import __main__ as verification
from verify.result import Result
from verify.settle import UnsettledError, settle

DAG = "customer_pipeline"
PIPELINE_SECONDS = 1800
CATCH_UP_SECONDS = 1800


class DemoError(RuntimeError):
    """A stage failed; the message names it."""


class Demo:
    """The stages in order, each with its seconds. ``running``: somebody else starts the stack and tells its pages."""

    def __init__(self, console: Console, running: bool = False) -> None:
        self.console = console
        self.running = running
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.console.rule(name)
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)

    def run(self) -> int:
        s = settings()
        if not self.running:
            with self.stage("start"), Progress(self.console) as progress:
                stack.up(None, progress.tell)
        with self.stage("history"):
            customers, months = s.number("DEMO_CUSTOMERS", 5000), s.number("DEMO_MONTHS", 12)
            generate("history", "--customers", str(customers), "--months", str(months))
        # The shop does not wait for its history to be worked off.
        with self.stage("live stream"):
            generate("live", "--rate", s.get("DEMO_LIVE_RATE", "200"), "--seconds", s.get("DEMO_LIVE_SECONDS", "20"))
        with self.stage("catch up"):
            settle(CATCH_UP_SECONDS, self.tell)
        with self.stage("batch side"):
            run_id = self.batch()
        with self.stage("verify"):
            results = verification.run(self.tell)
        return self.close(run_id, results)

    def tell(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

    def batch(self) -> str:
        """Trigger the DAG and watch it; the id under which the run wrote its results."""
        airflow = Airflow()
        run = airflow.start(DAG)
        seen: States = {}

        def progress(states: States) -> None:
            for task, state in states.items():
                if seen.get(task) != state and state not in ("waiting", "scheduled", "queued"):
                    self.tell(f"{task:28} {state}")
                seen[task] = state

        airflow.wait(run, PIPELINE_SECONDS, progress)
        return airflow.returned(run, "freeze")[Value.RUN_ID]

    def close(self, run_id: str, results: list[Result]) -> int:
        """Print and write what went where; the exit code."""
        counts, found = hops(results[0], run_id), segments(run_id)
        broken = [f"{result.name}: {text}" for result in results for text in result.differences] + unequal(counts)
        summary = {
            "run_id": run_id, "hops": counts, "segments": found, "seconds": self.seconds,
            "invariants": {result.name: result.holds for result in results}, "differences": broken,
            "pages": [{"title": title, "address": address} for title, address, _ in self.pages()],
        }  # fmt: skip
        target = settings().var / "demo" / "summary.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(summary, indent=2, default=str) + "\n")
        verification.show(results, self.console)
        for table in (
            counts_table(counts),
            segments_table(found),
            seconds_table(self.seconds),
            pages_table(self.pages(), run_id),
        ):
            self.console.print(table)
        for line in broken:
            print(line, file=sys.stderr)
        return 1 if broken else 0

    def pages(self) -> list[tuple[str, str, str]]:
        return [] if self.running else stack.pages()


def generate(*arguments: str) -> None:
    try:
        done = subprocess.run([python("core"), "-m", "generators", *arguments], cwd=ROOT, timeout=CATCH_UP_SECONDS)
    except subprocess.TimeoutExpired:
        raise DemoError(f"generators {arguments[0]} did not end within {CATCH_UP_SECONDS} s") from None
    if done.returncode:
        raise DemoError(f"generators {arguments[0]} failed with exit code {done.returncode}")


def unequal(counts: Counts) -> list[str]:
    """Hops that must agree and do not."""
    broken = []
    for name, found in counts.items():
        same = {hop: found[hop] for hop in ("accepted", "Postgres", "ClickHouse") if hop in found}
        if len(set(same.values())) > 1:
            broken.append(f"{name}: {same}")
        if "Iceberg" in found and found["Iceberg"] != found["marts"]:
            broken.append(f"{name}: {found['marts']} in the mart, {found['Iceberg']} in Iceberg")
    for name in ("web events", "purchases"):
        if counts[name]["marts"] != counts[name]["ClickHouse"]:
            broken.append(f"{name}: {counts[name]['ClickHouse']} in ClickHouse, {counts[name]['marts']} in the mart")
    return broken


def counts_table(counts: Counts) -> Table:
    """Hops downwards, so that the numbers fit a terminal of 80 columns."""
    table = Table("records", *counts, title="Records per hop")
    for hop in HOPS:
        table.add_row(hop, *(f"{found[hop]:,}" if hop in found else "" for found in counts.values()))
    return table


def segments_table(found: list[dict[str, object]]) -> Table:
    table = Table("segment", "customers", "share", "meaning", title="Customer segments")
    for row in found:
        table.add_row(str(row["segment_name"]), f"{row['customers']:,}", f"{row['share']:.1%}", str(row["meaning"]))
    return table


def seconds_table(seconds: dict[str, float]) -> Table:
    table = Table("stage", "seconds", title="Time")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.1f}")
    table.add_row("all", f"{sum(seconds.values()):.1f}")
    return table


def pages_table(pages: list[tuple[str, str, str]], run_id: str) -> Table:
    table = Table("page", Column("address", overflow="fold"), Column("login", overflow="fold"), title="Pages")
    for row in pages:
        table.add_row(*row)
    table.add_row("Report on the segments", str(settings().var / "reports" / f"segments-{run_id}.html"), "")
    return table


def main(report: Callable[[str], None] = lambda text: print(text, file=sys.stderr)) -> int:
    parser = argparse.ArgumentParser(prog="runner.demo", description=__doc__)
    parser.add_argument("--running", action="store_true", help="the stack runs already: start nothing")
    given = parser.parse_args()
    # Ended from outside or by Ctrl-C: either way a start takes back what it began.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return Demo(console(), given.running).run()
    except stack.PartError as error:
        report("\n".join([str(error), *(f"  {line}" for line in error.lines)]))
    except (StackError, SettingsError, DemoError, AirflowError, UnsettledError) as error:
        report(f"demo: {error}")
    except KeyboardInterrupt:
        report("demo: interrupted; `make status` shows what runs")
        return INTERRUPTED
    return 1


if __name__ == "__main__":
    sys.exit(main())
