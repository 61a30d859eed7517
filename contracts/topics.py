"""Kafka topics, the consumer groups that read them, and the names of the CDC parts."""

from dataclasses import dataclass

from contracts.events import PURCHASE_EVENT, WEB_EVENT, Event


@dataclass(frozen=True)
class Stream:
    """One kind of event on its way: what is sent, what passed, what was set aside, what of that is sent once more."""

    event: Event
    source: str
    validated: str
    dead_letters: str
    retried: str


def _stream(event: Event, name: str) -> Stream:
    return Stream(event, name, f"{name}.validated", f"{name}.dlq", f"{name}.retry")


WEB = _stream(WEB_EVENT, "web_events")
PURCHASES = _stream(PURCHASE_EVENT, "purchases")
STREAMS = (WEB, PURCHASES)

# Debezium names its topics <prefix>.<schema>.<table>.
CDC_PREFIX = "cdc"
CDC_CONNECTOR = "shop-postgres"
CDC_SLOT = "shop_cdc"
CDC_PUBLICATION = "shop_cdc"
CDC_HEARTBEAT_TABLE = "cdc.heartbeat"

CONNECT_GROUP = "connect"
CONNECT_TOPICS = {"config": "connect.config", "offset": "connect.offset", "status": "connect.status"}

FLINK_GROUP = "flink"
SINK_GROUP = "clickhouse-sink"

# Room for a dead letter: the largest record the broker takes, in base64, with its envelope.
MAX_MESSAGE_BYTES = 1_048_576
MAX_DEAD_LETTER_BYTES = 2 * MAX_MESSAGE_BYTES
