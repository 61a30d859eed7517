"""Flink's own plan of the job: each topic is read once, judged once and deduplicated once, for all results together."""

import re
import subprocess
from pathlib import Path

import pytest

from contracts import settings as contract_settings
from contracts.settings import ROOT
from contracts.tables import LIVE_TABLES
from contracts.topics import STREAMS
from runner import flink
from runner.tools import python


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> str:
    """The optimised plan, from the planner in the environment that runs the job."""
    var: Path = tmp_path_factory.mktemp("plan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(var))
        patch.setenv("FLINK_PASSWORD", "of-no-server")
        contract_settings.settings.cache_clear()
        flink.prepare()
        home = flink.home()
        environment = flink.environment() | {"FLINK_OPT_DIR": str(home / "opt"), "FLINK_PLUGINS_DIR": str(home / "plugins")}
        command = [python("flink"), "-m", "flink_jobs.explain"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    contract_settings.settings.cache_clear()
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split("== Optimized Execution Plan ==")[1]


def test_each_topic_is_read_and_judged_once(plan):
    for stream in STREAMS:
        assert len(re.findall(rf"TableSourceScan\(.*{stream.event.name}_source", plan)) == 1
        assert len(re.findall(rf"PythonCalc\(.*judge_{stream.event.name}\(", plan)) == 1


def test_deduplication_is_insert_only_and_done_once_a_stream(plan):
    found = re.findall(r"Deduplicate\(keep=\[(\w+)\].*outputInsertOnly=\[(\w+)\]", plan)
    assert found == [("FirstRow", "true")] * len(STREAMS)


def test_a_newer_state_replaces_the_older(plan):
    """A ranking taken for insert-only would keep the first state for ever."""
    ranks = re.findall(r"Rank\(.*?orderBy=\[([^\]]*)\]", plan)
    assert len(ranks) == 1
    assert ranks[0].endswith("DESC") and "," not in ranks[0]


def test_every_sink_is_fed(plan):
    sinks = set(re.findall(r"Sink\(table=\[default_catalog.default_database.(\w+)\]", plan))
    kafka = {f"{stream.event.name}_{kind}" for stream in STREAMS for kind in ("validated", "dead_letters")}
    assert sinks == kafka | {f"{table.name}_sink" for table in LIVE_TABLES}


def test_no_operator_works_in_mini_batches(plan):
    assert "Calc" in plan
    assert "MiniBatch" not in plan
