"""docker-compose.scale.yml over docker-compose.yml, as Docker Compose reads both."""

import json
import subprocess
from functools import cache

import compose_file as file
from test_compose import compose_program

from contracts.settings import ROOT, SECRETS, Settings

SCALE = ROOT / "docker-compose.scale.yml"
BROKERS = {"kafka": "1", "kafka-2": "2", "kafka-3": "3"}
# What sends to Kafka, reads from it or asks it. Only what the job was submitted with counts for Flink.
CLIENTS = {"connect", "bootstrap", "flink-job", "clickhouse-sink", "watch", "airflow-scheduler", "tools", "batch-tools"}
TASK_MANAGERS = ("flink-taskmanager", "flink-taskmanager-2", "flink-taskmanager-3")


@cache
def services() -> dict[str, dict]:
    command = [*compose_program().split(), "--file", str(file.COMPOSE), "--file", str(SCALE), "--profile", "*", "config"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **dict.fromkeys(SECRETS, "made up")}
    done = subprocess.run([*command, "--format", "json"], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def test_brokers_vote_among_each_other_and_keep_two_copies_at_least():
    voters = ",".join(f"{node}@{name}:9093" for name, node in BROKERS.items())
    published = set()
    for name, node in BROKERS.items():
        given = services()[name]["environment"]
        (port,) = services()[name]["ports"]
        published.add(port["published"])
        assert given["KAFKA_NODE_ID"] == node and given["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voters
        assert given["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092,HOST://127.0.0.1:{port['published']}"
        assert given["KAFKA_DEFAULT_REPLICATION_FACTOR"] == "3" and given["KAFKA_MIN_INSYNC_REPLICAS"] == "2"
    assert len(published) == len(BROKERS)
    volumes = [services()[name]["volumes"][0]["source"] for name in BROKERS]
    assert len(set(volumes)) == len(BROKERS)
    for name in ("connect", "bootstrap"):
        assert services()[name]["environment"]["KAFKA_REPLICATION"] == "3"
        assert set(BROKERS) <= set(services()[name]["depends_on"])


def test_a_client_finds_its_way_while_any_broker_is_away():
    every = ",".join(f"{name}:9092" for name in BROKERS)
    for name in CLIENTS:
        assert services()[name]["environment"]["KAFKA_BOOTSTRAP_SERVERS"] == every, name
        assert Settings(services()[name]["environment"]).bootstrap_servers == every
    assert services()["kafdrop"]["environment"]["KAFKA_BROKERCONNECT"] == every


def test_the_slots_of_the_task_managers_are_what_the_job_takes():
    slots = 0
    for name in TASK_MANAGERS:
        given = services()[name]["environment"]
        slots += int(given["FLINK_SLOTS"])
        assert given["FLINK_TASKMANAGER_HOST"] == name
    job = services()["flink-job"]
    assert slots == int(job["environment"]["FLINK_PARALLELISM"])
    assert set(TASK_MANAGERS) <= set(job["depends_on"])


def test_spark_s_processes_are_of_the_tasks_image_and_hold_no_secret():
    scheduler = services()["airflow-scheduler"]
    assert scheduler["environment"]["SPARK_MASTER"] == "spark://spark-master:7077"
    for name in ("spark-master", "spark-worker-1", "spark-worker-2"):
        found = services()[name]
        assert found["image"] == scheduler["image"]
        assert not found.get("secrets") and not found.get("configs")
        (volume,) = found["volumes"]
        assert volume["target"] == scheduler["environment"]["SPARK_SHARED_DIR"]
        assert volume["source"] in {each["source"] for each in scheduler["volumes"]}
        assert f" {volume['target']} " in file.instructions("runtime").replace("\n", " ")


def test_what_is_added_is_hardened_and_checked_as_the_rest():
    added = set(services()) - set(file.services())
    assert added == {"kafka-2", "kafka-3", *TASK_MANAGERS[1:], "spark-master", "spark-worker-1", "spark-worker-2"}
    for name in added:
        found = services()[name]
        assert found["cap_drop"] == ["ALL"] and found["security_opt"] == ["no-new-privileges:true"], name
        assert found["healthcheck"]["test"] and int(found["mem_limit"]) > 0, name
        assert {port["host_ip"] for port in found.get("ports", [])} <= {"127.0.0.1"}, name


def test_the_memory_that_the_file_names_is_what_it_takes():
    total = sum(int(each["mem_limit"]) for each in services().values() if each["restart"] != "no")
    assert f"It takes {total / 2**30:.0f} GB" in SCALE.read_text()
