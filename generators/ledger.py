"""What was sent, one row a record, in Parquet: only the checks read it, never the pipeline.

Columns: topic, event_id (null where the record has none that can be read), key, event_time (null where unreadable), class,
reason (the dead letter expected, null where the record should pass), md5 (of the value's bytes, only where a reason is given;
a null value counts as empty), run. Each run writes files of its own; a part is complete when it has its name.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generators.records import Records

PART_ROWS = 200_000
HISTORY = "history"
SCHEMA = pa.schema(
    [
        ("topic", pa.dictionary(pa.int32(), pa.string())),
        ("event_id", pa.string()),
        ("key", pa.string()),
        ("event_time", pa.timestamp("ms", tz="UTC")),
        ("class", pa.dictionary(pa.int32(), pa.string())),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        ("md5", pa.string()),
        ("run", pa.dictionary(pa.int32(), pa.string())),
    ]
)
DICTIONARIES = [field.name for field in SCHEMA if pa.types.is_dictionary(field.type)]


def directory(truth: Path) -> Path:
    return truth / "ledger"


def history_run(world: str, sent_until: int) -> str:
    """Name of a run that sends a world's history from a time on (ms); ``world``: the namespace of its ids."""
    return f"{HISTORY}-{world}-{sent_until}"


def worlds(truth: Path) -> set[str]:
    """Namespaces of the worlds whose history was sent."""
    return {path.name.split("-")[1] for path in directory(truth).glob(f"{HISTORY}-*.parquet")}


class Ledger:
    """Rows of one run, written in parts; use as a context manager."""

    def __init__(self, truth: Path, run: str) -> None:
        self._directory, self._run = directory(truth), run
        self._directory.mkdir(parents=True, exist_ok=True)
        self._part = 0
        self._rows = 0
        self._tables: list[pa.Table] = []

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def add(self, records: Records, topic: str | None = None) -> None:
        """``topic``: where the records went, if not to the source topic of their stream."""
        if not len(records):
            return
        self._tables.append(_table(records, topic or records.stream.source, self._run))
        self._rows += len(records)
        if self._rows >= PART_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is held as one part."""
        if not self._tables:
            return
        final = self._directory / f"{self._run}-{self._part:06d}.parquet"
        unfinished = final.with_suffix(".unfinished")
        table = pa.concat_tables(self._tables).unify_dictionaries()
        pq.write_table(table, unfinished, compression="zstd", use_dictionary=DICTIONARIES, write_statistics=False)
        unfinished.rename(final)
        self._part += 1
        self._rows = 0
        self._tables = []


def _same(value: str, n: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, dtype=np.int32)), [value])


def _labels(values: list[str | None]) -> pa.Array:
    return pa.array(values, pa.string()).dictionary_encode()


def _table(records: Records, topic: str, run: str) -> pa.Table:
    n = len(records)
    broken = any(records.reasons)
    columns = [
        _same(topic, n),
        pa.array(records.ids, pa.string()),
        pa.array(records.keys, pa.binary()).cast(pa.string()),
        pa.array(records.times, pa.int64()).cast(SCHEMA.field("event_time").type),
        _labels(records.kinds),
        _labels(records.reasons) if broken else pa.nulls(n, SCHEMA.field("reason").type),
        pa.array(records.md5s(), pa.string()) if broken else pa.nulls(n, pa.string()),
        _same(run, n),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
