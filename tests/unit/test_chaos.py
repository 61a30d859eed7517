"""What the faults are made of: whom they strike, the clock that they move, the table of what they left."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from chaos import clock, stack
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
