"""What the faults are made of: whom they strike, the clock that they move, the table of what they left."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from chaos import __main__ as chaos
from chaos import clock, faults, stack
from chaos.faults import FAULTS, machine_lost
from chaos.report import HEADINGS, Run, page, rows
from chaos.stack import SkippedError
from contracts.settings import Settings
from runner.service import Service, nothing
from runner.supervisor import program

CLOCKS = "import time; print(int(time.time()), int(time.monotonic()))"


def clocks(environment: dict[str, str]) -> tuple[int, int]:
    """The wall clock and the monotonic one of a program with these variables, in seconds."""
    done = subprocess.run([sys.executable, "-c", CLOCKS], env=environment, capture_output=True, text=True, check=True)
    wall, monotonic = map(int, done.stdout.split())
    return wall, monotonic


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_the_wall_clock_moves_and_the_monotonic_one_does_not(tmp_path: Path):
    ahead = tmp_path / "ahead"
    for seconds in (0, 3600, -3600):
        ahead.write_bytes(clock.SECONDS.pack(seconds))
        here = clocks({**os.environ})
        there = clocks({**os.environ, "LD_PRELOAD": str(clock.library(tmp_path)), "CLOCK_AHEAD": str(ahead)})
        assert round((there[0] - here[0]) / 3600) == seconds / 3600
        assert round((there[1] - here[1]) / 3600) == 0


def test_without_a_compiler_the_fault_is_skipped_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SkippedError, match="no C compiler"):
        clock.library(tmp_path)


def test_a_service_is_given_variables_by_its_supervisor_alone():
    service = Service("sleeper", ("sleep", "60"), nothing)
    assert "environment" not in program(service, 1, {})
    assert program(service, 1, {"A": "/b", "C": "d"})["environment"] == 'A="/b",C="d"'


def test_any_service_of_a_kind_may_be_struck(monkeypatch: pytest.MonkeyPatch):
    known = ("kafka", "kafka-2", "kafka-3", "clickhouse", "clickhouse-sink")
    monkeypatch.setattr(stack, "services", lambda: dict.fromkeys(known))
    assert {stack.one_of("kafka", Random(seed)) for seed in range(50)} == set(known[:3])
    assert {stack.one_of("clickhouse", Random(seed)) for seed in range(50)} == {"clickhouse"}


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"KAFKA_BROKERS": "3"},
        {"FLINK_TASKMANAGERS": "2"},
        {"KAFKA_BROKERS": "3", "FLINK_TASKMANAGERS": "2", "FLINK_PARALLELISM": "2"},
    ],
)
def test_a_machine_is_not_taken_from_a_stack_that_needs_it(monkeypatch: pytest.MonkeyPatch, sizes: dict[str, str]):
    monkeypatch.setattr("chaos.faults.settings", lambda: Settings(sizes))
    with pytest.raises(SkippedError, match="KAFKA_BROKERS=3"):
        machine_lost(Random(1))


class Shop:
    """A database that answers every query with the same row, and keeps what it was asked."""

    def __init__(self, row: tuple[str] | None) -> None:
        self.row, self.asked = row, list[str]()

    def __enter__(self) -> "Shop":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, query: str, _given: object = None) -> "Shop":
        self.asked.append(query)
        return self

    def fetchone(self) -> tuple[str] | None:
        return self.row


@pytest.mark.parametrize("name", ["replication slot dropped", "ALTER TABLE ADD COLUMN while events flow", "DELETE of a customer"])
def test_a_shop_without_customers_is_named_before_anything_is_broken(monkeypatch: pytest.MonkeyPatch, name: str):
    shop = Shop(None)
    monkeypatch.setattr(faults, "database", lambda: shop)
    monkeypatch.setattr(faults, "drop_slot", lambda: pytest.fail("the slot is dropped"))
    with pytest.raises(RuntimeError, match="the shop has no customers: run `make demo` first"):
        FAULTS[name](Random(1))
    (asked,) = shop.asked
    assert asked.startswith("SELECT customer_id ")


def test_a_slot_comes_back_whatever_its_alarm_says(monkeypatch: pytest.MonkeyPatch):
    """Else every fault after it would find a stack that replicates nothing."""
    done: list[str] = []
    monkeypatch.setattr(faults, "database", lambda: Shop(("c1",)))
    monkeypatch.setattr(faults, "drop_slot", lambda: done.append("dropped"))
    monkeypatch.setattr(faults, "slot", lambda: SimpleNamespace(holds=True))
    monkeypatch.setattr(faults, "snapshot_again", lambda: done.append("a new snapshot"))
    with pytest.raises(RuntimeError, match="I8 holds"):
        FAULTS["replication slot dropped"](Random(1))
    assert done == ["dropped", "a new snapshot"]


@pytest.mark.usefixtures("new_handlers")
@pytest.mark.parametrize("ended", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_takes_back_what_it_did(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ended: signal.Signals
):
    done: list[str] = []
    monkeypatch.setattr(stack, "Control", lambda: SimpleNamespace(start=lambda service: done.append(f"{service} started")))
    monkeypatch.setattr(stack, "stop_services", lambda _control, names: done.append(f"{names[0]} stopped"))
    monkeypatch.setattr(stack.time, "sleep", lambda _: os.kill(os.getpid(), ended))
    monkeypatch.setattr(chaos, "strike", lambda *_: stack.away("kafka", 60))
    assert chaos.main(["--fault", "broker down"]) == 130
    assert done == ["kafka stopped", "kafka started"]
    assert "chaos: interrupted" in capsys.readouterr().err


def test_the_table_counts_what_struck_and_says_what_did_not():
    fault, other, third = list(FAULTS)[:3]
    runs = [
        Run(fault, 1, 4.6, missing=2, differences=("I1: <two> are gone",)),
        Run(fault, 2, 9.4, duplicated=1),
        Run(other, 1, None, skipped="it takes two"),
        Run(third, 1, None, failed="no event after 300 s"),
    ]
    assert [run.whole for run in runs] == [False, False, True, False]
    assert rows(runs) == [
        (fault, "2", "2", "5 to 9", "2", "0", "1", ""),
        (other, "0", "0", "", "0", "0", "0", "skipped, it takes two"),
        (third, "1", "0", "", "0", "0", "0", "no event after 300 s"),
    ]
    assert all(len(row) == len(HEADINGS) for row in rows(runs))
    text = page(runs, 500)
    assert "skipped, it takes two" in text and "&lt;two&gt; are gone" in text and "500 web events and 50 purchases" in text
