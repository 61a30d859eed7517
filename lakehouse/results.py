"""Results of a model without Spark: a run's rows to Iceberg by pyiceberg, and back."""

import warnings

import pandas as pd
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import EqualTo
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    DateType,
    DecimalType,
    DoubleType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

from contracts.lake import AS_OF, RUN_ID
from contracts.ml import ResultTable
from contracts.types import Type
from lakehouse.errors import LakeError
from lakehouse.tables import TABLE_PROPERTIES

ICEBERG_TYPES: dict[Type, IcebergType] = {
    Type.TEXT: StringType(),
    Type.LABEL: StringType(),
    Type.INTEGER: IntegerType(),
    Type.BIGINT: LongType(),
    Type.DOUBLE: DoubleType(),
    Type.MONEY: DecimalType(18, 4),
    Type.TIMESTAMP: TimestamptzType(),
    Type.DATE: DateType(),
}


def schema(table: ResultTable) -> Schema:
    return Schema(
        *(
            NestedField(number, column.name, ICEBERG_TYPES[column.type], required=False)
            for number, column in enumerate(table.columns, start=1)
        )
    )


def ensure(catalog: Catalog, table: ResultTable) -> Table:
    """The table, partitioned by run; made where missing, grown by the columns that the contract has gained."""
    wanted = schema(table)
    if not catalog.table_exists(table.identifier):
        by_run = PartitionField(wanted.find_field("run_id").field_id, 1000, IdentityTransform(), "run_id")
        return catalog.create_table_if_not_exists(
            table.identifier, schema=wanted, partition_spec=PartitionSpec(by_run), properties=TABLE_PROPERTIES
        )
    found = catalog.load_table(table.identifier)
    present = set(found.schema().column_names)
    if missing := [column for column in table.columns if column.name not in present]:
        with found.update_schema() as update:
            for column in missing:
                update.add_column(column.name, ICEBERG_TYPES[column.type])
    return found


def replace_run(catalog: Catalog, table: ResultTable, rows: pd.DataFrame, run_id: str, as_of: str) -> int:
    """One commit after which the run's rows are exactly ``rows``; how many they are.

    LakeError where a key is there twice, or another writer came between.
    """
    if rows.duplicated(list(table.key)).any():
        raise LakeError(f"{table.identifier}, run {run_id}: {', '.join(table.key)} is not unique in what is to be written")
    target = ensure(catalog, table)
    names = [column.name for column in table.columns]
    fitting = schema_to_pyarrow(target.schema().select(*names), include_field_ids=False)
    data = pa.Table.from_pandas(rows[names], preserve_index=False).cast(pa.schema([fitting.field(name) for name in names]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the first write finds nothing to replace
            target.overwrite(data, EqualTo("run_id", run_id), snapshot_properties={RUN_ID: run_id, AS_OF: as_of})
    except CommitFailedException:
        raise LakeError(f"{table.identifier} was changed by another writer meanwhile: run it again") from None
    return data.num_rows


def rows_of_run(catalog: Catalog, table: ResultTable, run_id: str) -> pd.DataFrame:
    """In the order of the table's key; without rows where the run has none."""
    if not catalog.table_exists(table.identifier):
        return pd.DataFrame(columns=[column.name for column in table.columns])
    frame = catalog.load_table(table.identifier).scan(row_filter=EqualTo("run_id", run_id)).to_pandas()
    return frame.sort_values(list(table.key), ignore_index=True)


def newest_run(catalog: Catalog, table: ResultTable) -> str | None:
    """The run with the newest as-of day, of those the one computed last; None before there is one."""
    if not catalog.table_exists(table.identifier):
        return None
    found = catalog.load_table(table.identifier).scan(selected_fields=("run_id", "as_of", "computed_at")).to_pandas()
    return None if found.empty else str(found.sort_values(["as_of", "computed_at"])["run_id"].iloc[-1])
