"""Reads marts from ClickHouse as Arrow batches, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from contracts.lake import ExportedMart
from contracts.tables import MARTS_DATABASE
from lakehouse.errors import LakeError, one_line
from lakehouse.types import LakeColumn, lake_column, lake_schema, quoted

UNKNOWN_DATABASE, UNKNOWN_TABLE = 81, 60
ARROW_SETTINGS = {"output_format_arrow_string_as_string": 1, "output_format_arrow_low_cardinality_as_dictionary": 0}


@dataclass(frozen=True)
class MartCounts:
    rows: int
    distinct_keys: int


class MartReader:
    """One mart. Every method raises LakeError naming the mart where ClickHouse refuses."""

    def __init__(self, client: Client, mart: ExportedMart):
        self._client = client
        self._mart = mart
        self.name = f"{MARTS_DATABASE}.{mart.name}"
        self.columns = self._describe()
        self.schema = lake_schema(self.columns)

    def counts(self) -> MartCounts:
        """Rows and distinct keys; a null in the key is a key of its own."""
        key = ", ".join(quoted(column) for column in self._mart.key)
        try:
            rows = self._client.query(f"SELECT count(), uniqExact(tuple({key})) FROM {self.name}").result_rows
        except ClickHouseError as error:
            raise self._refused(error) from None
        return MartCounts(*rows[0])

    def batches(self) -> Iterator[pa.RecordBatch]:
        select = ", ".join(column.expression for column in self.columns)
        try:
            with self._client.query_arrow_stream(f"SELECT {select} FROM {self.name}", settings=ARROW_SETTINGS) as stream:
                yield from stream
        except (ClickHouseError, pa.ArrowException, OSError) as error:
            raise self._refused(error) from None

    def _describe(self) -> tuple[LakeColumn, ...]:
        try:
            described = self._client.query(f"DESCRIBE TABLE {self.name}").result_rows
        except ClickHouseError as error:
            if getattr(error, "code", None) in (UNKNOWN_DATABASE, UNKNOWN_TABLE):
                raise LakeError(f"{self.name} is not in ClickHouse: run `make marts` first") from None
            raise self._refused(error) from None
        missing = set(self._mart.key) - {row[0] for row in described}
        if missing:
            raise LakeError(f"{self.name} lacks its key column {', '.join(sorted(missing))}")
        return tuple(self._column(row[0], row[1]) for row in described)

    def _column(self, name: str, clickhouse_type: str) -> LakeColumn:
        try:
            return lake_column(name, clickhouse_type)
        except ValueError as error:
            raise LakeError(f"{self.name}.{name}: {error}") from None

    def _refused(self, error: Exception) -> LakeError:
        return LakeError(f"reading {self.name} from ClickHouse: {one_line(error)}")
