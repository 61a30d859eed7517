"""Writes a run's rows to Iceberg from Spark, for a table that ``lakehouse.results`` has made."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake import AS_OF, CATALOG, RUN_ID
from contracts.ml import ResultTable


def overwrite_run(table: ResultTable, rows: DataFrame, run_id: str, as_of: str) -> None:
    """One snapshot in which the run's rows are exactly ``rows``."""
    writer = rows.select(*(column.name for column in table.columns)).coalesce(1).writeTo(f"{CATALOG}.{table.identifier}")
    writer.option(f"snapshot-property.{RUN_ID}", run_id).option(f"snapshot-property.{AS_OF}", as_of).overwrite(
        F.col("run_id") == run_id
    )
