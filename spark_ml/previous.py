"""The run of segments before a run, as the lake has it."""

from dataclasses import dataclass
from datetime import date

import pandas as pd
from pyiceberg.catalog import Catalog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake import CATALOG
from contracts.ml import CUSTOMER_KEY, CUSTOMER_SEGMENTS, SEGMENT_PROFILES
from spark_ml.segmentation import PREVIOUS, Before

COLUMNS = ("run_id", "as_of", "computed_at", "segment", "segment_name")


@dataclass(frozen=True)
class Predecessor:
    """The newest run up to a day that has its customers, None before there is one; and the highest number that any had."""

    run_id: str | None
    names: dict[int, str]
    highest: int

    def read(self, spark: SparkSession) -> Before | None:
        return None if self.run_id is None else Before(self.run_id, customers(spark, self.run_id), self.names)


def predecessor(catalog: Catalog, run_id: str, as_of: date) -> Predecessor:
    """Of the run, which itself does not count: made again, it finds the same one. A run whose customers are gone is passed over,
    but its numbers stay used."""
    if not catalog.table_exists(SEGMENT_PROFILES.identifier):
        return Predecessor(None, {}, 0)
    profiles = catalog.load_table(SEGMENT_PROFILES.identifier).scan(selected_fields=COLUMNS).to_pandas()
    return choose(profiles, with_customers(catalog), run_id, as_of)


def choose(profiles: pd.DataFrame, there: set[str], run_id: str, as_of: date) -> Predecessor:
    """``profiles``: COLUMNS of all runs; ``there``: the runs that have their customers."""
    others = profiles[profiles["run_id"] != run_id]
    highest = int(others["segment"].max()) if len(others) else 0
    earlier = others[others["run_id"].isin(there) & (others["as_of"] <= as_of)]
    if earlier.empty:
        return Predecessor(None, {}, highest)
    newest = earlier.sort_values(["as_of", "computed_at", "run_id"])["run_id"].iloc[-1]
    mine = earlier[earlier["run_id"] == newest]
    return Predecessor(str(newest), dict(zip(mine["segment"].astype(int), mine["segment_name"], strict=True)), highest)


def with_customers(catalog: Catalog) -> set[str]:
    """Runs with rows in CUSTOMER_SEGMENTS, by its partitions: without reading a row."""
    if not catalog.table_exists(CUSTOMER_SEGMENTS.identifier):
        return set()
    partitions = catalog.load_table(CUSTOMER_SEGMENTS.identifier).inspect.partitions().to_pylist()
    return {one["partition"]["run_id"] for one in partitions if one["record_count"]}


def customers(spark: SparkSession, run_id: str) -> DataFrame:
    """Customer and segment of a run."""
    rows = spark.table(f"{CATALOG}.{CUSTOMER_SEGMENTS.identifier}").where(F.col("run_id") == run_id)
    return rows.select(CUSTOMER_KEY, F.col("segment").alias(PREVIOUS)).cache()
