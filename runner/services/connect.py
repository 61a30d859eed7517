"""Kafka Connect: one distributed worker with the Debezium plug-in."""

from contracts.settings import Settings
from contracts.topics import CONNECT_GROUP, CONNECT_TOPICS
from runner import probes
from runner.service import Service
from runner.services import kafka
from runner.services.kafka import java_command
from runner.tools import jars, render


def properties(s: Settings) -> dict[str, object]:
    """Worker configuration. A connector names its password as ``${env:DEBEZIUM_PASSWORD}``, so no request carries it."""
    return {
        "bootstrap.servers": s.bootstrap_servers,
        "group.id": CONNECT_GROUP,
        "listeners": f"http://{s.address('CONNECT')}",
        "rest.advertised.host.name": s.host("CONNECT"),
        "rest.advertised.port": s.port("CONNECT"),
        "plugin.path": jars("connect-plugins"),
        "plugin.discovery": "service_load",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "config.storage.topic": CONNECT_TOPICS["config"],
        "offset.storage.topic": CONNECT_TOPICS["offset"],
        "status.storage.topic": CONNECT_TOPICS["status"],
        "config.storage.replication.factor": s.replication,
        "offset.storage.replication.factor": s.replication,
        "status.storage.replication.factor": s.replication,
        "offset.storage.partitions": 4,
        "status.storage.partitions": 2,
        "offset.flush.interval.ms": 2000,
        "config.providers": "env",
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "DEBEZIUM_.*",
        "scheduled.rebalance.max.delay.ms": 0,
        # Of many changes at once the broker gets fewer requests, and less to write.
        "producer.batch.size": 131072,
        "producer.linger.ms": 5,
        "producer.compression.type": "lz4",
    }


def service(s: Settings) -> Service:
    config = s.var / "etc" / "connect.properties"
    return Service(
        name="connect",
        command=java_command(s.get("CONNECT_HEAP", "640m"), "org.apache.kafka.connect.cli.ConnectDistributed", str(config)),
        environment={"DEBEZIUM_PASSWORD": s.secret("DEBEZIUM_PASSWORD")},
        depends_on=kafka.names(s),
        ports=("CONNECT",),
        needs=(jars("kafka"), jars("connect-plugins")),
        ready=probes.http_ok(f"{s.url('CONNECT')}/connectors"),
        prepare=lambda: render(config, properties(s)),
        memory_mb=900,
        stop_seconds=30,
    )
