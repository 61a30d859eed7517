"""docker-compose.scale.yml over docker-compose.yml, run: three brokers, three TaskManagers, Spark's master with two workers.

Without the profile `ui`, which it does not change.
"""

import time
from collections.abc import Iterator

import pytest
import requests
from confluent_kafka.admin import AdminClient

from contracts.settings import ROOT
from contracts.topics import WEB
from flink_jobs import JOB
from runner.probes import host_of
from tests.docker.conftest import BACK_SECONDS, PROFILES, Stack, running, told, until
from tests.docker.result import keep

BROKERS = {"kafka", "kafka-2", "kafka-3"}
TASK_MANAGERS = {"flink-taskmanager", "flink-taskmanager-2", "flink-taskmanager-3"}
# The one that everybody is told of first, and one that a third of every job runs in.
AWAY, KILLED = "kafka", "flink-taskmanager-2"
LOAD_SECONDS = 60


@pytest.fixture(scope="module")
def scaled(built: Stack) -> Iterator[Stack]:
    stack = built.laid_over(ROOT / "docker-compose.scale.yml")
    stack.environment["PROFILES"] = ",".join(sorted(PROFILES - {"ui"}))
    with running(stack, "`make docker-up` of docker-compose.scale.yml, without ui") as found:
        yield found


def short_of_copies(stack: Stack, broker: str = "KAFKA") -> dict[str, list[int]]:
    """Partitions that are not on all three brokers, up to date on each; by topic."""
    topics = AdminClient({"bootstrap.servers": f"127.0.0.1:{stack.port(broker)}"}).list_topics(timeout=20).topics
    assert WEB.source in topics
    found = {
        name: [number for number, each in topic.partitions.items() if not len(each.replicas) == len(each.isrs) == len(BROKERS)]
        for name, topic in topics.items()
    }
    return {name: numbers for name, numbers in found.items() if numbers}


def ask(stack: Stack, part: str, path: str) -> dict:
    answer = requests.get(f"http://127.0.0.1:{stack.port(part)}{path}", timeout=60)
    answer.raise_for_status()
    return answer.json()


def test_three_brokers_keep_every_record_thrice(scaled: Stack):
    assert scaled.unhealthy() == {}
    assert set(scaled.containers()) >= BROKERS | TASK_MANAGERS
    assert short_of_copies(scaled) == {}


def test_every_task_manager_runs_a_part_of_the_job(scaled: Stack):
    place = {each["id"]: host_of(each["path"]) for each in ask(scaled, "FLINK", "/taskmanagers")["taskmanagers"]}
    assert sorted(place.values()) == sorted(TASK_MANAGERS)
    jobs = {each["name"]: each["jid"] for each in ask(scaled, "FLINK", "/jobs/overview")["jobs"] if each["state"] == "RUNNING"}
    assert set(jobs) == {JOB}
    vertices = [each["id"] for each in ask(scaled, "FLINK", f"/jobs/{jobs[JOB]}")["vertices"]]
    subtasks = [task for vertex in vertices for task in ask(scaled, "FLINK", f"/jobs/{jobs[JOB]}/vertices/{vertex}")["subtasks"]]
    assert {place[each["taskmanager-id"]] for each in subtasks} == TASK_MANAGERS


@pytest.mark.skipif("batch" not in PROFILES, reason="of the profile batch, which PROFILES leaves out")
def test_the_journey_clusters_on_spark_s_workers(scaled: Stack):
    assert ask(scaled, "SPARK_MASTER", "/json/")["aliveworkers"] == 2
    began = time.monotonic()
    scaled.make("docker-demo", seconds=1500)
    keep("`make docker-demo` on it", f"{time.monotonic() - began:.0f} s")
    keep("memory after it, all containers of docker-compose.scale.yml", f"{scaled.memory():,.0f} MB")
    ended = ask(scaled, "SPARK_MASTER", "/json/")["completedapps"]
    assert [each["state"] for each in ended if each["name"].startswith("segments ")] == ["FINISHED"]


def test_a_broker_stays_away_and_a_task_manager_dies_and_nothing_is_lost(scaled: Stack):
    restarts = scaled.containers()[KILLED]["RestartCount"]
    with scaled.load(LOAD_SECONDS, seed=11):
        scaled.docker("kill", scaled.containers()[AWAY]["Id"])
        scaled.kill(KILLED)
    # Two brokers have taken the whole load, and are enough for whoever starts now.
    scaled.verified()
    assert AWAY not in scaled.containers()
    assert scaled.containers()[KILLED]["RestartCount"] > restarts
    assert short_of_copies(scaled, "KAFKA_2") != {}
    began = time.monotonic()
    scaled.docker("start", scaled.containers("--all")[AWAY]["Id"])
    scaled.wait_healthy()
    until(lambda: not short_of_copies(scaled), "third copy of every record", BACK_SECONDS)
    keep(told("a broker of three back after minutes away, every copy up to date"), f"{time.monotonic() - began:.0f} s")
    scaled.verified()
