"""Flink's view of the outside: Kafka topics and Postgres tables. Rendered from contracts."""

from contracts.settings import Settings
from contracts.tables import PostgresTable
from contracts.topics import FLINK_GROUP, MAX_DEAD_LETTER_BYTES, Stream
from contracts.types import Column, Type


def source_name(stream: Stream) -> str:
    return f"{stream.event.name}_source"


def source(stream: Stream, settings: Settings) -> str:
    """The stream's topics with their positions. What Flink reads raw as text is the bytes as they are, valid or not."""
    return f"""
        CREATE TABLE {source_name(stream)} (
          raw_key STRING,
          raw_value STRING,
          source_partition INT METADATA FROM 'partition' VIRTUAL,
          source_offset BIGINT METADATA FROM 'offset' VIRTUAL,
          source_topic STRING METADATA FROM 'topic' VIRTUAL,
          headers MAP<STRING, BYTES> METADATA VIRTUAL
        ) WITH (
          'connector' = 'kafka',
          'topic' = '{stream.source};{stream.retried}',
          'properties.bootstrap.servers' = '{settings.bootstrap_servers}',
          'properties.group.id' = '{FLINK_GROUP}',
          'properties.fetch.min.bytes' = '65536',
          'properties.fetch.max.wait.ms' = '{settings.number("FLINK_FETCH_WAIT_MS", 50)}',
          'scan.startup.mode' = 'earliest-offset',
          'key.format' = 'raw', 'key.fields' = 'raw_key',
          'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
        )"""


def validated_sink_name(stream: Stream) -> str:
    return f"{stream.event.name}_validated_sink"


def validated_sink(stream: Stream, settings: Settings) -> str:
    keyed = "'key.format' = 'raw', 'key.fields' = 'raw_key', 'value.fields-include' = 'EXCEPT_KEY',"
    return _text_sink(validated_sink_name(stream), stream.validated, "raw_key STRING, payload BYTES", keyed, settings)


def dead_letter_sink_name(stream: Stream) -> str:
    return f"{stream.event.name}_dead_letters_sink"


def dead_letter_sink(stream: Stream, settings: Settings) -> str:
    return _text_sink(dead_letter_sink_name(stream), stream.dead_letters, "payload BYTES", "", settings)


def _text_sink(name: str, topic: str, columns: str, keyed: str, settings: Settings) -> str:
    return f"""
        CREATE TABLE {name} ({columns}) WITH (
          'connector' = 'kafka',
          'topic' = '{topic}',
          'properties.bootstrap.servers' = '{settings.bootstrap_servers}',
          'properties.compression.type' = 'lz4',
          'properties.linger.ms' = '{settings.number("FLINK_LINGER_MS", 20)}',
          'properties.batch.size' = '131072',
          'properties.max.request.size' = '{MAX_DEAD_LETTER_BYTES}',
          'sink.delivery-guarantee' = 'at-least-once',
          {keyed}
          'value.format' = 'raw'
        )"""


def sink_type(column: Column) -> str:
    """The JDBC connector knows no zoned timestamps: they are written as UTC, the JVM's zone (``runner/flink.py``)."""
    return "TIMESTAMP(3)" if column.type is Type.TIMESTAMP else column.type.flink


def postgres_sink_name(table: PostgresTable) -> str:
    return f"{table.name}_sink"


def postgres_sink(table: PostgresTable, settings: Settings) -> str:
    """An upsert on the table's key, the newest change of each row of a batch. A batch leaves when it is full or old enough."""
    body = ", ".join(f"`{column.name}` {sink_type(column)}" for column in table.columns)
    key = ", ".join(f"`{name}`" for name in table.key)
    account = settings.postgres_account("flink")
    return f"""
        CREATE TABLE {postgres_sink_name(table)} ({body}, PRIMARY KEY ({key}) NOT ENFORCED) WITH (
          'connector' = 'jdbc',
          'url' = 'jdbc:postgresql://{settings.address("POSTGRES")}/{settings.postgres_database}?reWriteBatchedInserts=true',
          'table-name' = '{table.qualified}',
          'username' = '{account.user}',
          'password' = '{account.password.replace("'", "''")}',
          'sink.buffer-flush.max-rows' = '{settings.number("LIVE_FLUSH_ROWS", 5000)}',
          'sink.buffer-flush.interval' = '{settings.number("LIVE_FLUSH_MS", 200)}ms',
          'sink.max-retries' = '10'
        )"""
