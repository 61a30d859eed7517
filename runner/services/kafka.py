"""Kafka: one KRaft node, or three; each is broker and controller in one process, so that any one of three may be lost."""

import base64
import threading
import uuid
from pathlib import Path

from contracts.settings import BROKERS, ROOT, Settings
from contracts.topics import MAX_DEAD_LETTER_BYTES
from runner import command, probes
from runner.service import Service, StackError
from runner.tools import jars, java, render

LOGGING = ROOT / "runner" / "files" / "log4j2.properties"
# Brokers start side by side and share a cluster id.
PREPARING = threading.Lock()


def service_name(broker: str) -> str:
    return broker.lower().replace("_", "-")


def names(s: Settings) -> tuple[str, ...]:
    """The services that together are Kafka."""
    return tuple(map(service_name, s.brokers))


def java_command(heap: str, *arguments: str) -> tuple[str, ...]:
    """A program of the Kafka distribution with its heap and our logging."""
    return (
        java(),
        f"-Xms{heap}",
        f"-Xmx{heap}",
        # Small heaps of short-lived records: G1 took two fifths of Connect's time (docs/decisions/0034).
        "-XX:+UseParallelGC",
        "-XX:NewRatio=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOGGING}",
        "-cp",
        f"{jars('kafka')}/*",
        *arguments,
    )


def quorum(s: Settings) -> dict[str, object]:
    """Where the controllers find each other: the list of three is fixed, one alone says so when it is formatted."""
    controllers = [s.address(f"{broker}_CONTROLLER") for broker in s.brokers]
    if len(controllers) == 1:
        return {"controller.quorum.bootstrap.servers": controllers[0]}
    voters = ",".join(f"{node}@{address}" for node, address in enumerate(controllers, start=1))
    return {"controller.quorum.voters": voters}


def properties(s: Settings, broker: str = "KAFKA") -> dict[str, object]:
    """server.properties. Broker time stamps the records: a replayed event of decades ago must not look expired."""
    replication, insync = s.replication, s.insync_replicas
    listeners = f"PLAINTEXT://{s.address(broker)},CONTROLLER://{s.address(f'{broker}_CONTROLLER')}"
    return {
        "process.roles": "broker,controller",
        "node.id": s.brokers.index(broker) + 1,
        **quorum(s),
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data(s, broker),
        "auto.create.topics.enable": "false",
        "num.partitions": s.partitions,
        "default.replication.factor": replication,
        "min.insync.replicas": insync,
        "offsets.topic.replication.factor": replication,
        "offsets.topic.num.partitions": 8,
        "offsets.retention.minutes": 60 * 24 * 365,
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": insync,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": insync,
        "message.max.bytes": MAX_DEAD_LETTER_BYTES,
        "replica.fetch.max.bytes": MAX_DEAD_LETTER_BYTES,
        "log.message.timestamp.type": "LogAppendTime",
        "log.retention.hours": s.number("KAFKA_RETENTION_HOURS", -1),
        "log.segment.bytes": 256 * 1024 * 1024,
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
        "group.initial.rebalance.delay.ms": 0,
    }


def data(s: Settings, broker: str) -> Path:
    return s.var / service_name(broker)


def config(s: Settings, broker: str) -> Path:
    return s.var / "etc" / f"{service_name(broker)}.properties"


def prepare(s: Settings) -> None:
    """Configuration of every broker, and once their data directories. StackError where these are of another number of brokers."""
    with PREPARING:
        for broker in s.brokers:
            render(config(s, broker), properties(s, broker))
        formatted = [broker for broker in BROKERS if (data(s, broker) / "meta.properties").exists()]
        if not formatted:
            format_storage(s)
        elif formatted != list(s.brokers):
            held = f"{s.var} holds the data of {', '.join(map(service_name, formatted))}"
            raise StackError(f"kafka: {held}, KAFKA_BROKERS is {len(s.brokers)}: set it back, or `make clean`")


def format_storage(s: Settings) -> None:
    """Give the data directories their cluster id."""
    cluster = base64.urlsafe_b64encode(b"\x01" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    alone = ("--standalone",) if len(s.brokers) == 1 else ()
    for broker in s.brokers:
        options = (*alone, "-t", cluster, "-c", str(config(s, broker)))
        tool = java_command("128m", "kafka.tools.StorageTool", "format", *options)
        done = command.run(f"kafka: the format of {data(s, broker)}", tool, capture_output=True)
        if done.returncode:
            raise StackError(f"kafka: cannot format {data(s, broker)}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def service(s: Settings, broker: str = "KAFKA") -> Service:
    several = len(s.brokers) > 1
    return Service(
        name=service_name(broker),
        command=java_command(s.get("KAFKA_HEAP", "320m" if several else "512m"), "kafka.Kafka", str(config(s, broker))),
        ports=(broker, f"{broker}_CONTROLLER"),
        needs=(jars("kafka"),),
        ready=probes.kafka(broker),
        prepare=lambda: prepare(s),
        memory_mb=550 if several else 800,
        stop_seconds=60,
    )


def services(s: Settings) -> tuple[Service, ...]:
    return tuple(service(s, broker) for broker in s.brokers)
