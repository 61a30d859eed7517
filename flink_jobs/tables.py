"""Flink's view of the outside: Kafka sources, validated and dead-letter topics, Postgres tables. Rendered from contracts."""

from contracts.events import SOURCE_POSITION
from contracts.settings import Settings
from contracts.tables import PostgresTable
from contracts.topics import DEAD_LETTERS, FLINK_GROUP, MAX_DEAD_LETTER_BYTES, Stream
from contracts.types import Column, Type


def source(stream: Stream, settings: Settings) -> str:
    """Raw bytes of the stream's topic with their position; ``arrived`` orders records by processing time."""
    return f"""
        CREATE TABLE {stream.event.name}_source (
          raw_key BYTES,
          raw_value BYTES,
          source_partition INT METADATA FROM 'partition' VIRTUAL,
          source_offset BIGINT METADATA FROM 'offset' VIRTUAL,
          arrived AS PROCTIME()
        ) WITH (
          'connector' = 'kafka',
          'topic' = '{stream.source}',
          'properties.bootstrap.servers' = '{settings.address("KAFKA")}',
          'properties.group.id' = '{FLINK_GROUP}',
          'scan.startup.mode' = 'earliest-offset',
          'key.format' = 'raw', 'key.fields' = 'raw_key',
          'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
        )"""


def _json_sink(name: str, topic: str, columns: tuple[Column, ...], settings: Settings, key: str = "") -> str:
    body = ", ".join(f"`{column.name}` {'BYTES' if column.name.startswith('raw_') else column.type.flink}" for column in columns)
    keyed = f"'key.format' = 'raw', 'key.fields' = '{key}', 'value.fields-include' = 'ALL'," if key else ""
    return f"""
        CREATE TABLE {name} ({body}) WITH (
          'connector' = 'kafka',
          'topic' = '{topic}',
          'properties.bootstrap.servers' = '{settings.address("KAFKA")}',
          'properties.compression.type' = 'lz4',
          'properties.linger.ms' = '5',
          'properties.batch.size' = '131072',
          'properties.max.request.size' = '{MAX_DEAD_LETTER_BYTES}',
          'sink.delivery-guarantee' = 'at-least-once',
          {keyed}
          'value.format' = 'json',
          'value.json.timestamp-format.standard' = 'ISO-8601',
          'value.json.encode.decimal-as-plain-number' = 'true'
        )"""


def validated_sink(stream: Stream, settings: Settings) -> str:
    return _json_sink(f"{stream.event.name}_validated", stream.validated, validated_columns(stream), settings, key="customer_id")


def dead_letter_sink(stream: Stream, settings: Settings) -> str:
    """BYTES come out as base64 in JSON."""
    return _json_sink(f"{stream.event.name}_dead_letters", stream.dead_letters, DEAD_LETTERS.fields, settings)


def validated_columns(stream: Stream) -> tuple[Column, ...]:
    return (*stream.event.fields, *SOURCE_POSITION)


def sink_type(column: Column) -> str:
    """The JDBC connector knows no zoned timestamps: they are written as UTC, the JVM's zone (``flink-conf.yaml``)."""
    return "TIMESTAMP(3)" if column.type is Type.TIMESTAMP else column.type.flink


def postgres_sink(table: PostgresTable, settings: Settings) -> str:
    """An upsert on the table's key; a batch leaves when it is full or LIVE_FLUSH_MS old."""
    body = ", ".join(f"`{column.name}` {sink_type(column)}" for column in table.columns)
    account = settings.postgres_account("flink")
    return f"""
        CREATE TABLE {table.name}_sink ({body}, PRIMARY KEY ({", ".join(table.key)}) NOT ENFORCED) WITH (
          'connector' = 'jdbc',
          'url' = 'jdbc:postgresql://{settings.address("POSTGRES")}/{settings.postgres_database}?reWriteBatchedInserts=true',
          'table-name' = '{table.qualified}',
          'username' = '{account.user}',
          'password' = '{account.password}',
          'sink.buffer-flush.max-rows' = '{settings.number("LIVE_FLUSH_ROWS", 5000)}',
          'sink.buffer-flush.interval' = '{settings.number("LIVE_FLUSH_MS", 200)}ms',
          'sink.max-retries' = '10'
        )"""
