"""A run's frozen features, and how they are prepared for clustering.

Missing values take the median, skewed ones their logarithm, constant ones are left out; then all are scaled to mean 0 and
standard deviation 1. Every such choice is measured on the data and named in the run's notes.
"""

from dataclasses import dataclass

from pyiceberg.catalog import Catalog
from pyspark.ml import Transformer
from pyspark.ml.feature import SQLTransformer, StandardScaler, VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that Spark's own documentation uses
from pyspark.sql.types import NumericType

from contracts.lake import CATALOG, CUSTOMER_FEATURES
from contracts.ml import CUSTOMER_KEY, SEGMENT_FEATURES, Feature
from lakehouse.errors import LakeError

SKEWED_FROM = 1.0
PREPARED, ASSEMBLED, SCALED = "prepared_", "assembled", "scaled"


@dataclass(frozen=True)
class Measured:
    """A feature over all customers; None where no customer has a value."""

    feature: Feature
    missing: int
    minimum: float | None
    maximum: float | None
    median: float | None
    skewness: float | None

    @property
    def constant(self) -> bool:
        return self.minimum is None or self.minimum == self.maximum

    @property
    def logged(self) -> bool:
        return self.minimum is not None and self.minimum >= 0 and (self.skewness or 0.0) > SKEWED_FROM


def frozen_features(spark: SparkSession, catalog: Catalog, snapshot_id: int) -> DataFrame:
    """Customer and features at a snapshot. LakeError where the table, the snapshot or a feature is missing."""
    identifier = CUSTOMER_FEATURES.identifier
    if not catalog.table_exists(identifier):
        raise LakeError(f"{identifier} is not in the lake: run lakehouse.export first")
    if catalog.load_table(identifier).snapshot_by_id(snapshot_id) is None:
        raise LakeError(f"{identifier} has no snapshot {snapshot_id}: it has expired; export again under a new run id")
    data = spark.sql(f"SELECT * FROM {CATALOG}.{identifier} VERSION AS OF {int(snapshot_id)}")
    return checked(data, f"{identifier} at snapshot {snapshot_id}")


def checked(data: DataFrame, name: str, features: tuple[Feature, ...] = SEGMENT_FEATURES) -> DataFrame:
    """The key and the features of ``data``. LakeError naming a column that is missing or holds no number."""
    types = {field.name: field.dataType for field in data.schema.fields}
    missing = [column for column in (CUSTOMER_KEY, *(feature.name for feature in features)) if column not in types]
    if missing:
        raise LakeError(f"{name} lacks the column {', '.join(missing)}")
    wordy = [feature.name for feature in features if not isinstance(types[feature.name], NumericType)]
    if wordy:
        raise LakeError(f"{name}: {', '.join(f'{column} is {types[column].simpleString()}, not a number' for column in wordy)}")
    return data.select(CUSTOMER_KEY, *(F.expr(f"{_finite(feature.name)} AS {feature.name}") for feature in features))


def measure(data: DataFrame, name: str, features: tuple[Feature, ...] = SEGMENT_FEATURES) -> tuple[int, tuple[Measured, ...]]:
    """Customers and their features, in one pass. LakeError where there is no customer, or one twice."""
    aggregates = [F.count("*").alias("rows"), F.count_distinct(CUSTOMER_KEY).alias("customers")]
    for feature in features:
        column = F.col(feature.name)
        aggregates += [
            F.count(column).alias(f"n_{feature.name}"),
            F.min(column).alias(f"min_{feature.name}"),
            F.max(column).alias(f"max_{feature.name}"),
            F.median(column).alias(f"median_{feature.name}"),
            F.skewness(column).alias(f"skewness_{feature.name}"),
        ]
    row = data.agg(*aggregates).first()
    assert row is not None  # an aggregate without groups has one row
    if row["rows"] == 0:
        raise LakeError(f"{name} is empty: no customer has bought anything by then")
    if row["rows"] != row["customers"]:
        raise LakeError(f"{name}: {row['rows']} rows for {row['customers']} customers; one row each was expected")
    return row["rows"], tuple(
        Measured(
            feature,
            row["rows"] - row[f"n_{feature.name}"],
            *(row[f"{what}_{feature.name}"] for what in ("min", "max", "median", "skewness")),
        )
        for feature in features
    )


def usable(measured: tuple[Measured, ...]) -> tuple[Measured, ...]:
    """Features that tell customers apart; LakeError where none does."""
    telling = tuple(one for one in measured if not one.constant)
    if not telling:
        raise LakeError(
            f"all features are constant ({', '.join(one.feature.name for one in measured)}): nothing tells the customers apart"
        )
    return telling


def notes(measured: tuple[Measured, ...]) -> list[str]:
    """What was done to which feature, for people."""
    logged = [f"{one.feature.name} (skewness {one.skewness:.1f})" for one in measured if one.logged and not one.constant]
    constant = [one.feature.name for one in measured if one.constant]
    filled = [f"{one.feature.name} ({one.missing} customers)" for one in measured if one.missing and not one.constant]
    return [
        f"{what}: {', '.join(which)}"
        for what, which in (
            ("logarithm taken of", logged),
            ("left out, the same for every customer", constant),
            ("missing, median taken", filled),
        )
        if which
    ]


def preparation(measured: tuple[Measured, ...]) -> list[Transformer | StandardScaler]:
    """Pipeline stages from the raw features to the vector SCALED."""
    columns = ", ".join(f"{_prepared(one)} AS {PREPARED}{one.feature.name}" for one in measured)
    names = [f"{PREPARED}{one.feature.name}" for one in measured]
    return [
        SQLTransformer(statement=f"SELECT *, {columns} FROM __THIS__"),
        VectorAssembler(inputCols=names, outputCol=ASSEMBLED),
        StandardScaler(inputCol=ASSEMBLED, outputCol=SCALED, withMean=True, withStd=True),
    ]


def _prepared(one: Measured) -> str:
    filled = f"coalesce({_finite(one.feature.name)}, {one.median!r}D)"
    return f"log1p({filled})" if one.logged else filled


def _finite(column: str) -> str:
    """NaN and the infinities count as missing; Spark orders NaN above infinity."""
    return f"if(abs(double({column})) < double('Infinity'), double({column}), NULL)"
