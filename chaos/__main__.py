"""``python -m chaos``: every fault under load, one run a seed. Exit code 1 if one fails.

Leaves a table on the terminal, ``VAR_DIR/chaos/results.json`` and the page ``VAR_DIR/reports/chaos.html``.

While a generator sends web events and purchases, the fault strikes. Recovered: every part is well again, unless one is to stay
away, and an event sent after that is in ClickHouse, with its session by way of Postgres. (One sent before would tell of tasks
that outlive their JobManager for a while.) Then everything settles, and the invariants say what is missing (I1), wrong (I2, I3)
and twice (I4).
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from random import Random

import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException
from rich.table import Table

from chaos import canary
from chaos.faults import FAULTS, Fault
from chaos.report import HEADINGS, Run, page, rows
from chaos.stack import SkippedError, recovery_seconds, wait_until
from contracts.settings import ROOT, settings
from generators.send import DELIVERY_SECONDS
from runner.command import INTERRUPTED
from runner.display import console
from runner.service import NotReadyError
from runner.status import healths
from runner.tools import python
from verify.conservation import conservation, redelivery
from verify.settle import settle
from verify.stream import replication, stream

WARM_UP_SECONDS = 3
SETTLE_SECONDS = 600
# What does not come back shows in its client; anything else is a mistake of ours and ends the run.
FAILURES = (NotReadyError, RuntimeError, OSError, KafkaException, psycopg.Error, ClickHouseError)


@contextmanager
def load(rate: int, seed: int) -> Iterator[None]:
    """Both streams at this rate until the block ends. Where Kafka takes no more, the ledger has more than Kafka: I1 says so."""
    command = [python("core"), "-m", "generators"]
    options = ["--seconds", str(recovery_seconds() + 60), "--seed", str(seed)]
    quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    sending = [
        subprocess.Popen([*command, "web_events", "--rate", str(rate), *options], **quiet),  # type: ignore[call-overload]
        subprocess.Popen([*command, "purchases", "--rate", str(max(rate // 10, 1)), *options], **quiet),  # type: ignore[call-overload]
    ]
    try:
        yield
    finally:
        for process in sending:
            process.terminate()
        for process in sending:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """A generator tries for DELIVERY_SECONDS to deliver what it still holds."""
    try:
        process.wait(DELIVERY_SECONDS + 30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def all_well(besides: set[str]) -> bool:
    """NotReadyError names the parts that are not; those that were ill before do not count."""
    if ill := {name: reason for name, reason in healths().items() if reason and name not in besides}:
        raise NotReadyError("; ".join(f"{name}: {reason}" for name, reason in ill.items()))
    return True


def strike(name: str, fault: Fault, seed: int, rate: int) -> Run:
    seconds = None
    try:
        with ExitStack() as afterwards:
            with load(rate, seed):
                before = canary.send()
                wait_until("an event before the fault", lambda: canary.arrived(before), recovery_seconds())
                time.sleep(WARM_UP_SECONDS)
                ill = {name for name, reason in healths().items() if reason}
                mend = fault(Random(seed))
                struck = time.monotonic()
                if mend:
                    afterwards.callback(mend)
                else:
                    wait_until("all parts that were well", lambda: all_well(besides=ill), recovery_seconds())
                after = canary.send()
                wait_until("an event after the fault", lambda: canary.arrived(after), recovery_seconds())
                seconds = round(time.monotonic() - struck, 1)
            settle(SETTLE_SECONDS, tell=lambda _text: None)
            found = [conservation(settings().truth / "ledger"), stream(), replication(), redelivery()]
    except SkippedError as why:
        return Run(name, seed, None, skipped=str(why))
    except FAILURES as error:
        return Run(name, seed, seconds, failed=str(error) or type(error).__name__)
    missing, in_postgres, in_warehouse, twice = (result.differing for result in found)
    differences = tuple(f"{result.name}: {text}" for result in found for text in result.differences)
    return Run(name, seed, seconds, missing, in_postgres + in_warehouse, twice, differences=differences)


def table(runs: list[Run]) -> Table:
    shown = Table(*HEADINGS)
    for row in rows(runs):
        shown.add_row(*row)
    return shown


def keep(runs: list[Run], rate: int) -> None:
    results = json.dumps([asdict(run) for run in runs], indent=2) + "\n"
    for file, text in (("chaos/results.json", results), ("reports/chaos.html", page(runs, rate))):
        target = settings().var / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def strike_all(faults: dict[str, Fault], seeds: int, rate: int) -> list[Run]:
    """One run of each a seed. The page grows with them: where one is interrupted, it has those before."""
    runs: list[Run] = []
    for seed in range(1, seeds + 1):
        for number, (name, fault) in enumerate(faults.items()):
            run = strike(name, fault, 1000 * seed + number, rate)
            runs.append(run)
            print(f"{name}: {run.told}", *run.differences, sep="\n  ", flush=True)
            keep(runs, rate)
    return runs


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos", description="Faults on the running stack, under load.")
    parser.add_argument("--fault", action="append", help="only those whose name contains this; may be given again")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each")
    parser.add_argument("--rate", type=int, default=500, help="web events a second while it strikes")
    parsed = parser.parse_args(given)
    wanted = parsed.fault or [""]
    chosen = {name: fault for name, fault in FAULTS.items() if any(words in name for words in wanted)}
    if not chosen:
        parser.error(f"--fault {' '.join(wanted)!r}: there are {', '.join(FAULTS)}")
    # Ended from outside or by Ctrl-C: either way the load ends, and what a fault laid in the way is taken back.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        runs = strike_all(chosen, parsed.seeds, parsed.rate)
    except KeyboardInterrupt:
        print("chaos: interrupted; the page has the runs before it, `make status` shows what runs", file=sys.stderr)
        return INTERRUPTED
    console().print(table(runs))
    return 0 if all(run.whole for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
