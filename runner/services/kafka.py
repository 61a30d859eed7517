"""Kafka: one KRaft node, broker and controller in one process."""

import base64
import subprocess
import uuid
from pathlib import Path

from contracts.settings import ROOT, Settings
from contracts.topics import MAX_DEAD_LETTER_BYTES
from runner import probes
from runner.service import Service, StackError
from runner.tools import jars, java, render

LOGGING = ROOT / "runner" / "files" / "log4j2.properties"


def java_command(s: Settings, heap: str, *arguments: str) -> tuple[str, ...]:
    """A program of the Kafka distribution with its heap and our logging."""
    return (
        java(),
        f"-Xms{heap}",
        f"-Xmx{heap}",
        s.jvm_compiler,
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOGGING}",
        "-cp",
        f"{jars('kafka')}/*",
        *arguments,
    )


def properties(s: Settings) -> dict[str, object]:
    """server.properties. Broker time stamps the records: a replayed event of decades ago must not look expired."""
    replication = s.replication
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": s.address("KAFKA_CONTROLLER"),
        "listeners": f"PLAINTEXT://{s.address('KAFKA')},CONTROLLER://{s.address('KAFKA_CONTROLLER')}",
        "advertised.listeners": f"PLAINTEXT://{s.address('KAFKA')},CONTROLLER://{s.address('KAFKA_CONTROLLER')}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": s.var / "kafka",
        "auto.create.topics.enable": "false",
        "num.partitions": s.partitions,
        "default.replication.factor": replication,
        "min.insync.replicas": max(1, replication - 1),
        "offsets.topic.replication.factor": replication,
        "offsets.topic.num.partitions": 8,
        "offsets.retention.minutes": 60 * 24 * 365,
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": max(1, replication - 1),
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": max(1, replication - 1),
        "message.max.bytes": MAX_DEAD_LETTER_BYTES,
        "replica.fetch.max.bytes": MAX_DEAD_LETTER_BYTES,
        "log.message.timestamp.type": "LogAppendTime",
        "log.retention.hours": s.number("KAFKA_RETENTION_HOURS", -1),
        "log.segment.bytes": 256 * 1024 * 1024,
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
        "group.initial.rebalance.delay.ms": 0,
    }


def format_storage(s: Settings, config: Path) -> None:
    """Give the data directory its cluster id, once."""
    if (s.var / "kafka" / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(b"\x01" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    command = java_command(s, "128m", "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(config))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise StackError(f"kafka: cannot format {s.var / 'kafka'}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def service(s: Settings) -> Service:
    config = s.var / "etc" / "kafka.properties"

    def prepare() -> None:
        render(config, properties(s))
        format_storage(s, config)

    return Service(
        name="kafka",
        command=java_command(s, s.get("KAFKA_HEAP", "512m"), "kafka.Kafka", str(config)),
        ports=("KAFKA", "KAFKA_CONTROLLER"),
        needs=(jars("kafka"),),
        ready=probes.kafka,
        prepare=prepare,
        memory_mb=800,
        stop_seconds=60,
    )
