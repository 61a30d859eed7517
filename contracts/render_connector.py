"""Configuration of Debezium's Postgres connector."""

import json

from contracts.tables import COMMITTED, DELETED, REPLICATED_TABLES, VERSION
from contracts.topics import CDC_CONNECTOR, CDC_HEARTBEAT_TABLE, CDC_PREFIX, CDC_PUBLICATION, CDC_SLOT


def connector() -> str:
    """The body of ``PUT /connectors/<name>/config`` but for the database's address, which registration adds.

    ``${env:…}`` is filled in by the Connect worker, so that no request or topic holds the password. The transforms leave
    flat rows in the shape of the ``raw`` tables.
    """
    hidden = [f"{table.qualified}.{column.name}" for table in REPLICATED_TABLES for column in table.columns if column.pii]
    config = {
        "name": CDC_CONNECTOR,
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.user": "debezium",
        "database.password": "${env:DEBEZIUM_PASSWORD}",
        "topic.prefix": CDC_PREFIX,
        "table.include.list": ",".join([*(table.qualified for table in REPLICATED_TABLES), CDC_HEARTBEAT_TABLE]),
        "column.exclude.list": ",".join(hidden),
        "plugin.name": "pgoutput",
        "slot.name": CDC_SLOT,
        "publication.name": CDC_PUBLICATION,
        "publication.autocreate.mode": "disabled",
        # An idle database would keep its WAL for ever: the heartbeat writes a row, and its change moves the slot.
        "heartbeat.interval.ms": "3000",
        "heartbeat.action.query": (
            f"INSERT INTO {CDC_HEARTBEAT_TABLE} (id, beat_at) VALUES (1, now()) "
            "ON CONFLICT (id) DO UPDATE SET beat_at = EXCLUDED.beat_at"
        ),
        "snapshot.mode": "initial",
        "poll.interval.ms": "50",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        "decimal.handling.mode": "string",
        "time.precision.mode": "isostring",
        "tombstones.on.delete": "false",
        "transforms": "unwrap,flag,names",
        "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.unwrap.delete.tombstone.handling.mode": "rewrite",
        "transforms.unwrap.add.fields": "source.lsn,source.ts_ms",
        "transforms.flag.type": "org.apache.kafka.connect.transforms.Cast$Value",
        "transforms.flag.spec": "__deleted:boolean",
        "transforms.names.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
        "transforms.names.renames": f"__deleted:{DELETED.name},__source_lsn:{VERSION.name},__source_ts_ms:{COMMITTED.name}",
        "errors.tolerance": "none",
    }
    return json.dumps(config, indent=2) + "\n"
