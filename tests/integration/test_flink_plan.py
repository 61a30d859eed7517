"""Flink's own plans: a topic is read, judged and deduplicated once for all results; only updates that merge are batched."""

import re
import subprocess
from pathlib import Path

import pytest

from contracts import settings as contract_settings
from contracts.settings import ROOT
from contracts.tables import LIVE_TABLES
from contracts.topics import STREAMS
from flink_jobs import INTAKE, JOBS, LIVE
from runner import flink
from runner.tools import python


@pytest.fixture(scope="module")
def plans(tmp_path_factory) -> dict[str, str]:
    """What the planner prints of each job, in the environment that runs it."""
    var: Path = tmp_path_factory.mktemp("plan")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(var))
        patch.setenv("FLINK_PASSWORD", "of-no-server")
        contract_settings.settings.cache_clear()
        flink.prepare()
        home = flink.home()
        environment = flink.environment() | {"FLINK_OPT_DIR": str(home / "opt"), "FLINK_PLUGINS_DIR": str(home / "plugins")}
        for job in JOBS:
            command = [python("flink"), "-m", "flink_jobs.explain", job]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
            assert done.returncode == 0, done.stderr[-2000:]
            found[job] = done.stdout
    contract_settings.settings.cache_clear()
    return found


def optimized(plan: str) -> str:
    return plan.split("== Optimized Execution Plan ==")[1].split("== Physical Execution Plan ==")[0]


def sinks(plan: str) -> set[str]:
    return set(re.findall(r"Sink\(table=\[default_catalog.default_database.(\w+)\]", optimized(plan)))


def test_each_topic_is_read_judged_and_deduplicated_once(plans):
    plan = optimized(plans[INTAKE])
    for stream in STREAMS:
        assert len(re.findall(rf"TableSourceScan\(.*{stream.event.name}_source", plan)) == 1
        assert len(re.findall(rf"PythonCalc\(.*judge_{stream.event.name}\(", plan)) == 1
    assert re.findall(r"Deduplicate\(keep=\[(\w+)\].*outputInsertOnly=\[(\w+)\]", plan) == [("FirstRow", "true")] * len(STREAMS)
    assert "Calc" in plan and "MiniBatch" not in plan


def test_every_topic_is_fed(plans):
    assert sinks(plans[INTAKE]) == {
        f"{stream.event.name}_{kind}_sink" for stream in STREAMS for kind in ("validated", "dead_letters")
    }


def test_every_live_table_is_fed_from_one_stream_of_events(plans):
    assert sinks(plans[LIVE]) == {f"{table.name}_sink" for table in LIVE_TABLES}
    assert len(re.findall(r"TableSourceScan", optimized(plans[LIVE]))) == len(STREAMS)


def test_aggregates_never_take_events_back(plans):
    """Behind a stream that updates they would be the retracting kind, whose state holds every value."""
    plan = optimized(plans[LIVE])
    assert "LocalGroupAggregate" in plan and "MiniBatchAssigner" in plan
    assert "RETRACT" not in plan.upper()


def test_a_newer_state_replaces_the_older(plans):
    """A ranking taken for insert-only would keep the first state for ever."""
    ranks = re.findall(r"Rank\(.*?orderBy=\[([^\]]*)\]", optimized(plans[LIVE]))
    assert len(ranks) == 1
    assert ranks[0].endswith("DESC") and "," not in ranks[0]
