"""Every topic that is created, with its partitions and limits."""

from dataclasses import dataclass, field

from contracts.settings import Settings
from contracts.tables import REPLICATED_TABLES
from contracts.topics import CDC_HEARTBEAT_TABLE, CDC_PREFIX, MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES, STREAMS


@dataclass(frozen=True)
class TopicSpec:
    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def topic_list(settings: Settings) -> tuple[TopicSpec, ...]:
    """Event topics are partitioned by customer; a replicated table by its key. Broker defaults hold where no limit is given."""
    limit = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    events = [
        TopicSpec(name, settings.partitions, limit)
        for stream in STREAMS
        for name in (stream.source, stream.retried, stream.validated)
    ]
    dead = [TopicSpec(stream.dead_letters, 1, {"max.message.bytes": str(MAX_DEAD_LETTER_BYTES)}) for stream in STREAMS]
    replicas = [TopicSpec(table.topic, settings.partitions) for table in REPLICATED_TABLES]
    beats = [TopicSpec(f"{CDC_PREFIX}.{CDC_HEARTBEAT_TABLE}", 1), TopicSpec(f"__debezium-heartbeat.{CDC_PREFIX}", 1)]
    return (*events, *dead, *replicas, *beats)
