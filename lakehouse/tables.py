"""Writes a run's rows to an Iceberg table: staged as Parquet files, seen by readers only from the commit on."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import parquet_file_to_data_file, schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import Snapshot

from contracts.lake import AS_OF, RUN_ID
from lakehouse.errors import LakeError

ROWS_PER_FILE = 2_000_000
# Old metadata files go with each commit; what the snapshots hold goes by lakehouse.upkeep.
TABLE_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


@dataclass(frozen=True)
class Written:
    """What a table holds of a run."""

    identifier: str
    rows: int
    snapshot_id: int
    as_of: str


def open_table(catalog: Catalog, identifier: str, schema: Schema) -> Table:
    """The table, made without rows where it is missing."""
    # To create what exists leaves a metadata file behind.
    if catalog.table_exists(identifier):
        return catalog.load_table(identifier)
    return catalog.create_table_if_not_exists(identifier, schema=schema, properties=TABLE_PROPERTIES)


def snapshot_of_run(table: Table, run_id: str) -> Snapshot | None:
    return next((one for one in reversed(table.snapshots()) if one.summary and one.summary[RUN_ID] == run_id), None)


def written(identifier: str, snapshot: Snapshot) -> Written:
    summary = snapshot.summary
    assert summary is not None  # only a snapshot that was found by its summary comes here
    return Written(identifier, int(summary["total-records"] or 0), snapshot.snapshot_id, summary[AS_OF] or "")


@dataclass
class StagedRun:
    """A run's rows for one table, in files that no snapshot refers to until ``commit``.

    The table becomes this run's rows: its columns follow ``schema``, and the one new snapshot replaces all files.
    """

    table: Table
    run_id: str
    as_of: str
    schema: Schema
    rows: int = 0
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identifier = ".".join(self.table.name())
        self._transaction: Transaction = self.table.transaction()
        _follow_schema(self._transaction, self.schema)

    def write(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Stream the batches into Parquet files of ROWS_PER_FILE under the run's prefix."""
        attempt = uuid.uuid4()
        location = f"{self.table.location()}/data/run-id={self.run_id}"
        remaining = iter(batches)
        for number, first in enumerate(remaining):
            path = f"{location}/{number:05d}-{attempt}.parquet"
            self.paths.append(path)
            self._write_file(path, first, remaining)

    def _write_file(self, path: str, first: pa.RecordBatch, remaining: Iterator[pa.RecordBatch]) -> None:
        schema = schema_to_pyarrow(self._transaction.table_metadata.schema(), include_field_ids=True)
        with (
            self.table.io.new_output(path).create() as stream,
            pq.ParquetWriter(stream, schema, compression="zstd", store_schema=False) as writer,
        ):
            file_rows = 0
            batch: pa.RecordBatch | None = first
            while batch is not None:
                writer.write_batch(batch.select(schema.names).cast(schema))
                file_rows += batch.num_rows
                batch = next(remaining, None) if file_rows < ROWS_PER_FILE else None
        self.rows += file_rows

    def commit(self) -> Written:
        """One atomic snapshot. Where the answer to the commit was lost, the run id tells whether it took place.

        LakeError where another writer came between.
        """
        try:
            self._replace_all_files()
            self._transaction.commit_transaction()
        except Exception as error:
            self.table.refresh()
            if snapshot_of_run(self.table, self.run_id) is None:
                if isinstance(error, CommitFailedException):
                    raise LakeError(f"{self.identifier} was changed by another writer meanwhile: run it again") from None
                raise
        self.table.refresh()
        snapshot = snapshot_of_run(self.table, self.run_id)
        assert snapshot is not None  # committed above
        return written(self.identifier, snapshot)

    def discard(self) -> None:
        """Remove the staged files; what cannot be removed now, the upkeep finds."""
        for path in self.paths:
            with suppress(OSError):
                self.table.io.delete(path)

    def _replace_all_files(self) -> None:
        metadata = self._transaction.table_metadata
        old = [task.file for task in self.table.scan().plan_files()]
        new: list[DataFile] = [parquet_file_to_data_file(self.table.io, metadata, path) for path in self.paths]
        properties = {RUN_ID: self.run_id, AS_OF: self.as_of}
        with self._transaction.update_snapshot(snapshot_properties=properties).overwrite() as snapshot:
            for data_file in old:
                snapshot.delete_data_file(data_file)
            for data_file in new:
                snapshot.append_data_file(data_file)


def _follow_schema(transaction: Transaction, wanted: Schema) -> None:
    """Add what is new, drop what is gone; a column of another type is a new column under the old name."""
    current = {column.name: column.field_type for column in transaction.table_metadata.schema().fields}
    types = {column.name: column.field_type for column in wanted.fields}
    gone = [name for name in current if types.get(name) != current[name]]
    new = [name for name in types if types[name] != current.get(name)]
    if not gone and not new:
        return
    with transaction.update_schema(allow_incompatible_changes=True) as update:
        for name in gone:
            update.delete_column(name)
        for name in new:
            update.add_column(name, types[name])
