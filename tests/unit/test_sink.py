"""The sink's batches: bytes as they came, by table."""

from cdc.sink import TABLE_OF, bodies
from contracts.tables import RAW_TABLES


class Record:
    def __init__(self, topic, value):
        self._topic, self._value = topic, value

    def topic(self):
        return self._topic

    def value(self):
        return self._value


def test_every_raw_table_is_filled_from_some_topic():
    assert set(TABLE_OF.values()) == {table.qualified for table in RAW_TABLES}


def test_records_go_to_their_tables_in_order_and_tombstones_make_no_row():
    records = [
        Record("web_events.validated", b'{"a":1}'),
        Record("cdc.live.sessions", b'{"s":1}'),
        Record("web_events.validated", b'{"a":2}'),
        Record("cdc.live.sessions", None),
        Record("elsewhere", b"{}"),
    ]
    assert bodies(records) == {"raw.web_events": b'{"a":1}\n{"a":2}', "raw.sessions": b'{"s":1}'}
