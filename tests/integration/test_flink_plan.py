"""Flink's own plan: a topic is read, judged, deduplicated and cut once for all results; only updates that merge are batched."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import settings as contract_settings
from contracts.settings import ROOT
from contracts.tables import LIVE_TABLES
from contracts.topics import STREAMS
from runner import flink
from runner.tools import python

# Another thread of Python makes objects and drops them, so that the collector, where it is on, runs in it.
BESIDE_ANOTHER_THREAD = """
import runpy, threading, time

def waste():
    while True:
        kept = [[] for _ in range(5000)]
        time.sleep(0.0005)

threading.Thread(target=waste, daemon=True).start()
runpy.run_module("flink_jobs.explain", run_name="__main__")
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Iterator[dict[str, str]]:
    """What leads Flink to the project's libraries, and to no cluster."""
    var: Path = tmp_path_factory.mktemp("plan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(var))
        patch.setenv("FLINK_PASSWORD", "of-no-server")
        contract_settings.settings.cache_clear()
        flink.prepare()
        home = flink.home()
        yield flink.environment() | {"FLINK_OPT_DIR": str(home / "opt"), "FLINK_PLUGINS_DIR": str(home / "plugins")}
    contract_settings.settings.cache_clear()


def explained(environment: dict[str, str], *arguments: str) -> list[dict]:
    """The job's operators as the cluster would get them, made in the environment that runs it."""
    command = [python("flink"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout[done.stdout.index("{") :])["nodes"]


@pytest.fixture(scope="module")
def operators(environment) -> list[dict]:
    return explained(environment, "-m", "flink_jobs.explain")


def test_planning_stays_in_one_thread_of_the_jvm(environment, operators):
    """Flink cannot plan in another one (FLINK-23020), and py4j takes another one where Python's collector has taken the first."""
    assert len(explained(environment, "-c", BESIDE_ANOTHER_THREAD)) == len(operators)


def described(operators: list[dict], pattern: str) -> list[str]:
    """What the operators whose description matches do."""
    return [each["contents"] for each in operators if re.search(pattern, each["contents"])]


def before(operators: list[dict], pattern: str) -> set[str]:
    """Everything that leads to the operators whose description matches."""
    known = {each["id"]: each for each in operators}
    found: set[int] = set()
    waiting = [each["id"] for each in operators if re.search(pattern, each["contents"])]
    while waiting:
        one = waiting.pop()
        ahead = [each["id"] for each in known[one].get("predecessors", [])]
        waiting += [each for each in ahead if each not in found]
        found.update(ahead)
    return {known[each]["contents"] for each in found}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.event.name)
def test_each_topic_is_read_and_judged_once(operators, stream):
    assert len(described(operators, rf"TableSourceScan\(.*{stream.event.name}_source,")) == 1
    assert len(described(operators, rf"PythonCalc\(.*judge_{stream.event.name}\(")) == 1


def test_the_first_of_each_id_passes_once_for_all_results_and_is_cut_once(operators):
    """Insert-only, so that no result has to take an event back."""
    found = [re.sub(r"^\[\d+\]:", "", each) for each in described(operators, "Deduplicate")]
    assert found == ["Deduplicate(keep=[FirstRow], key=[event_hash], order=[PROCTIME], outputInsertOnly=[true])"] * len(STREAMS)
    assert len(described(operators, r"SPLIT\(")) == len(STREAMS)
    assert not [each for each in before(operators, r"Deduplicate|SPLIT\(") if "MiniBatch" in each]


def test_every_topic_and_every_live_table_is_fed(operators):
    sinks = {found[1] for each in operators if (found := re.search(r"(\w+)_sink\[\d+\](: Writer)?$", each["type"]))}
    topics = {f"{stream.event.name}_{kind}" for stream in STREAMS for kind in ("validated", "dead_letters")}
    assert sinks == topics | {table.name for table in LIVE_TABLES}


def test_aggregates_never_take_events_back(operators):
    """Behind a stream that updates they would be the retracting kind, whose state holds every value."""
    aggregates = described(operators, "GroupAggregate")
    assert len(described(operators, "LocalGroupAggregate")) == len(described(operators, "GlobalGroupAggregate")) == 4
    assert not [each for each in aggregates if "RETRACT" in each.upper()]
    assert [each for each in before(operators, "LocalGroupAggregate") if "MiniBatchAssigner" in each]


def test_a_newer_state_replaces_the_older(operators):
    """A ranking taken for insert-only would keep the first state for ever."""
    (rank,) = described(operators, r"Rank\(")
    order = re.search(r"orderBy=\[([^\]]*)\]", rank)[1]
    assert order.endswith("DESC") and "," not in order
