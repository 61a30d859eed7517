"""Writes a run's results to Iceberg: created from the contract, replaced as a whole per run id."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake import AS_OF, CATALOG, RUN_ID
from contracts.ml import ResultTable
from contracts.types import Type
from lakehouse.tables import TABLE_PROPERTIES

SPARK_TYPES = {
    Type.TEXT: "string",
    Type.LABEL: "string",
    Type.INTEGER: "int",
    Type.BIGINT: "bigint",
    Type.DOUBLE: "double",
    Type.MONEY: "decimal(18,4)",
    Type.TIMESTAMP: "timestamp",
    Type.DATE: "date",
}


def schema(table: ResultTable) -> str:
    """Spark's DDL of the columns."""
    return ", ".join(f"{column.name} {SPARK_TYPES[column.type]}" for column in table.columns)


def ensure(spark: SparkSession, table: ResultTable) -> str:
    """The table's full name; made where missing, grown by the columns that the contract has gained."""
    name = f"{CATALOG}.{table.identifier}"
    properties = ", ".join(f"'{key}' = '{value}'" for key, value in TABLE_PROPERTIES.items())
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS {name} ({schema(table)}) USING iceberg PARTITIONED BY (run_id) TBLPROPERTIES ({properties})"
    )
    present = set(spark.table(name).columns)
    for column in table.columns:
        if column.name not in present:
            spark.sql(f"ALTER TABLE {name} ADD COLUMN {column.name} {SPARK_TYPES[column.type]}")
    return name


def replace_run(spark: SparkSession, table: ResultTable, rows: DataFrame, run_id: str, as_of: str) -> None:
    """One snapshot in which the run's rows are exactly ``rows``."""
    name = ensure(spark, table)
    writer = rows.select(*(column.name for column in table.columns)).coalesce(1).writeTo(name)
    writer.option(f"snapshot-property.{RUN_ID}", run_id).option(f"snapshot-property.{AS_OF}", as_of).overwrite(
        F.col("run_id") == run_id
    )
