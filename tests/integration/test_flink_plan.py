"""Flink's own plan: a topic is read, judged, deduplicated and cut once for all results; only updates that merge are batched."""

import json
import re
import subprocess

import pytest

from contracts.settings import ROOT, settings
from contracts.tables import CUSTOMER_DAYS, LIVE_TABLES, SESSIONS, PostgresTable
from contracts.topics import STREAMS
from flink_jobs.tables import postgres_sink
from runner.tools import python

# A session is to be visible within 10 s, a minute's figures within one: half of that for the rest of the way.
SLOW = {SESSIONS, CUSTOMER_DAYS}

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


def explained(environment: dict[str, str], *arguments: str) -> list[dict]:
    """The job's operators as the cluster would get them, made in the environment that runs it."""
    command = [python("flink"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout[done.stdout.index("{") :])["nodes"]


@pytest.fixture(scope="module")
def operators(flink_alone) -> list[dict]:
    return explained(flink_alone, "-m", "flink_jobs.explain")


def test_planning_stays_in_one_thread_of_the_jvm(flink_alone, operators):
    """Flink cannot plan in another one (FLINK-23020), and py4j takes another one where Python's collector has taken the first."""
    assert len(explained(flink_alone, "-c", BESIDE_ANOTHER_THREAD)) == len(operators)


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
    calls = [each["contents"].count(f"judge_{stream.event.name}(") for each in operators]
    assert sum(calls) == 1, "a function of which two parts are taken may be called twice"


def test_the_first_of_each_id_passes_once_for_all_results_and_is_cut_once(operators):
    """Insert-only, so that no result has to take an event back."""
    first = r"Deduplicate\(keep=\[FirstRow\], key=\[[^,]+\], order=\[PROCTIME\], outputInsertOnly=\[true\]\)$"
    assert len(described(operators, first)) == len(described(operators, "Deduplicate")) == len(STREAMS)
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


def waits(operators: list[dict], table: PostgresTable) -> list[int]:
    """Milliseconds that an event may wait in mini-batches on its way to the table, and its row for the sink."""
    ahead = before(operators, rf"{table.name}_sink\]")
    batches = {int(found[1]) for each in ahead if (found := re.search(r"MiniBatchAssigner\(interval=\[(\d+)ms\]", each))}
    flush = re.search(r"'sink\.buffer-flush\.interval' = '(\d+)ms'", postgres_sink(table, settings()))
    return [*batches, int(flush[1])]


@pytest.mark.parametrize("table", LIVE_TABLES, ids=lambda table: table.name)
def test_an_event_waits_for_less_than_what_is_promised_of_its_table(operators, table):
    found = waits(operators, table)
    assert len(found) == 2, "one mini-batch, one buffer"
    assert sum(found) <= (5000 if table in SLOW else 500)


def test_sessions_and_days_gather_what_others_give_out_at_once(operators):
    by_table = {table: waits(operators, table)[0] for table in LIVE_TABLES}
    slow, fast = ({by_table[table] for table in LIVE_TABLES if (table in SLOW) == wanted} for wanted in (True, False))
    assert min(slow) > 5 * max(fast)
