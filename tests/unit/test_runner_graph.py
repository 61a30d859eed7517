"""The order of starts, and what a failure does to those that wait."""

import threading
from dataclasses import dataclass

import pytest

from runner import command, graph
from runner.service import StackError
from runner.supervisor import levels


@dataclass(frozen=True)
class Node:
    depends_on: tuple[str, ...] = ()
    alongside: tuple[str, ...] = ()


DIAMOND = {"end": Node(("left", "right")), "left": Node(("start",)), "right": Node(("start",)), "start": Node(), "alone": Node()}


def test_closure_takes_what_is_depended_on_and_no_more():
    assert set(graph.closure(DIAMOND, ["left"])) == {"left", "start"}


def test_parts_alongside_come_too_start_at_once_and_stop_later():
    nodes = {"manager": Node(), "worker": Node(alongside=("manager",))}
    assert set(graph.closure(nodes, ["worker"])) == set(nodes)
    assert levels(nodes) == {"manager": 1, "worker": 2}  # type: ignore[arg-type]
    together = threading.Barrier(2, timeout=10)
    graph.run(nodes, lambda *_: together.wait(), lambda _: None)


def test_closure_names_an_unknown_part():
    with pytest.raises(StackError, match="'leeft'.*left"):
        graph.closure(DIAMOND, ["leeft"])


def test_everything_runs_after_its_predecessors():
    ended: list[str] = []
    seconds = graph.run(DIAMOND, lambda name, _: ended.append(name), lambda _: None)
    assert sorted(ended) == sorted(DIAMOND) == sorted(seconds)
    assert all(ended.index(before) < ended.index(name) for name, node in DIAMOND.items() for before in node.depends_on)


def test_independent_parts_run_side_by_side():
    together = threading.Barrier(2, timeout=10)
    graph.run({"one": Node(), "two": Node()}, lambda *_: together.wait(), lambda _: None)


def test_first_failure_is_raised_cancels_the_waiting_and_starts_nothing_more():
    begun, told, given_up = [], [], threading.Event()

    def work(name: str, cancelled: threading.Event) -> None:
        begun.append(name)
        if name == "alone" and cancelled.wait(10):
            given_up.set()
        if name == "start":
            raise StackError("start: no luck")

    with pytest.raises(StackError, match="no luck"):
        graph.run(DIAMOND, work, told.append)
    assert given_up.wait(10)
    assert set(begun) == {"start", "alone"}
    assert [event.name for event in told if event.kind == "failed"] == ["start"]


def test_parts_that_wait_for_each_other_are_named():
    with pytest.raises(StackError, match="a, b wait for each other"):
        graph.run({"a": Node(("b",)), "b": Node(("a",))}, lambda *_: None, lambda _: None)


def test_parts_that_hang_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(graph, "SILENT_SECONDS", 0.2)
    with pytest.raises(StackError, match="^left, right did not end within 0.2 s$"):
        graph.run(DIAMOND, lambda name, cancelled: cancelled.wait(10) if name in ("left", "right") else None, lambda _: None)


def test_a_program_that_hangs_is_ended_and_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(command, "COMMAND_SECONDS", 0.2)
    with pytest.raises(StackError, match="^postgres: initdb did not end within 0.2 s$"):
        command.run("postgres: initdb", ("sleep", "60"), capture_output=True)
    assert command.run("echo", ("echo", "Zürich"), capture_output=True).stdout == "Zürich\n"


def test_level_is_the_longest_way_from_a_start():
    assert levels(DIAMOND) == {"start": 1, "alone": 1, "left": 2, "right": 2, "end": 3}
