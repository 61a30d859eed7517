"""A run's frozen features, and how they are prepared for clustering.

Missing values take the median, outliers the bound that they lie beyond, skewed ones their logarithm, constant ones are left
out; then all are scaled to mean 0 and standard deviation 1. Every such choice is measured on the data and named in the run's
notes. Only the clustering sees bounds instead of outliers: profiles are of the values as they are.
"""

import math
from dataclasses import dataclass, replace

from pyiceberg.catalog import Catalog
from pyspark.ml import Transformer
from pyspark.ml.feature import SQLTransformer, StandardScaler, VectorAssembler
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that Spark's own documentation uses
from pyspark.sql.types import NumericType

from contracts.lake import CATALOG, CUSTOMER_FEATURES
from contracts.ml import CUSTOMER_KEY, SEGMENT_FEATURES, Feature
from lakehouse.errors import LakeError

SKEWED_FROM = 1.0
# Bounds are drawn from the middle 90 %, since of many features half of the customers or more have the same value. As far again
# beyond it as it is wide is, of a normal feature, 4.9 standard deviations from the mean: Tukey's outer fences lie at 4.7.
PERCENTILES = (0.05, 0.5, 0.95)
REACH = 1.0
ACCURACY = 10_000
PREPARED, ASSEMBLED, SCALED = "prepared_", "assembled", "scaled"


@dataclass(frozen=True)
class Measured:
    """A feature over all customers; None where no customer has a value. ``low`` and ``high``: the 5th and 95th percentile."""

    feature: Feature
    missing: int
    minimum: float | None
    maximum: float | None
    skewness: float | None
    low: float | None
    median: float | None
    high: float | None
    outliers: int = 0

    @property
    def constant(self) -> bool:
        return self.minimum is None or self.minimum == self.maximum

    @property
    def logged(self) -> bool:
        return self.minimum is not None and self.minimum >= 0 and (self.skewness or 0.0) > SKEWED_FROM

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Where outliers begin, in the feature's unit; of a logged feature drawn over the logarithms. None where nine customers
        in ten have the same value."""
        if self.low is None or self.high is None or self.low == self.high:
            return None
        there, back = (math.log1p, math.expm1) if self.logged else (float, float)
        low, high = there(self.low), there(self.high)
        reach = REACH * (high - low)
        return back(low - reach), back(high + reach)


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


def percentile(column: str, shares: Column) -> Column:
    """Exact up to ACCURACY customers; beyond, within a share 1 / ACCURACY of them, in memory that does not grow."""
    return F.percentile_approx(column, shares, F.lit(ACCURACY))


def measure(data: DataFrame, name: str, features: tuple[Feature, ...] = SEGMENT_FEATURES) -> tuple[int, tuple[Measured, ...]]:
    """Customers and their features. LakeError where there is no customer, or one twice."""
    aggregates = [F.count("*").alias("rows")]
    for feature in features:
        column = F.col(feature.name)
        aggregates += [
            F.count(column).alias(f"n_{feature.name}"),
            F.min(column).alias(f"min_{feature.name}"),
            F.max(column).alias(f"max_{feature.name}"),
            F.skewness(column).alias(f"skewness_{feature.name}"),
        ]
    row = _one(data, aggregates)
    if row["rows"] == 0:
        raise LakeError(f"{name} is empty: no customer has bought anything by then")
    customers = data.select(CUSTOMER_KEY).distinct().count()
    if row["rows"] != customers:
        raise LakeError(f"{name}: {row['rows']} rows for {customers} customers; one row each was expected")
    # Apart: with distinct counts beside them Spark holds a percentile's sketch for each customer, with sums it compiles neither.
    shares = F.array(*map(F.lit, PERCENTILES))
    percentiles = _one(data, [percentile(feature.name, shares).alias(feature.name) for feature in features])
    measured = tuple(
        Measured(
            feature,
            row["rows"] - row[f"n_{feature.name}"],
            *(row[f"{what}_{feature.name}"] for what in ("min", "max", "skewness")),
            *(percentiles[feature.name] or (None,) * len(PERCENTILES)),
        )
        for feature in features
    )
    return row["rows"], _with_outliers(data, measured)


def _one(data: DataFrame, aggregates: list[Column]) -> Row:
    row = data.agg(*aggregates).first()
    assert row is not None  # an aggregate without groups has one row
    return row


def _with_outliers(data: DataFrame, measured: tuple[Measured, ...]) -> tuple[Measured, ...]:
    bounded = [one for one in measured if one.bounds]
    if not bounded:
        return measured
    counted = _one(data, [F.count_if(beyond(one)).alias(one.feature.name) for one in bounded])
    return tuple(replace(one, outliers=counted[one.feature.name] if one.bounds else 0) for one in measured)


def beyond(one: Measured) -> Column:
    """Whether the customer lies beyond the feature's bounds; false where there are none, or no value."""
    if one.bounds is None:
        return F.lit(False)
    column, (low, high) = F.col(one.feature.name), one.bounds
    return F.coalesce((column < low) | (column > high), F.lit(False))


def outlier_in(measured: tuple[Measured, ...]) -> Column:
    """The features in which the customer lies beyond the bounds, by comma."""
    return F.concat_ws(",", *(F.when(beyond(one), F.lit(one.feature.name)) for one in measured))


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
    outliers = [f"{one.feature.name} ({_beyond_in_words(one)})" for one in measured if one.outliers]
    return [
        f"{what}: {', '.join(which)}"
        for what, which in (
            ("logarithm taken of", logged),
            ("left out, the same for every customer", constant),
            ("missing, median taken", filled),
            ("outliers, clustered as if on the bound", outliers),
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


def _beyond_in_words(one: Measured) -> str:
    assert one.bounds is not None and one.minimum is not None and one.maximum is not None  # there are outliers
    low, high = one.bounds
    below = [f"below {low:.4g}, the least {one.minimum:.4g}"] if one.minimum < low else []
    above = [f"above {high:.4g}, the greatest {one.maximum:.4g}"] if one.maximum > high else []
    return f"{one.outliers} customers {' or '.join((*below, *above))}"


def _prepared(one: Measured) -> str:
    value = f"coalesce({_finite(one.feature.name)}, {one.median!r}D)"
    if one.bounds:
        low, high = one.bounds
        value = f"least(greatest({value}, {low!r}D), {high!r}D)"
    return f"log1p({value})" if one.logged else value


def _finite(column: str) -> str:
    """NaN and the infinities count as missing; Spark orders NaN above infinity."""
    return f"if(abs(double({column})) < double('Infinity'), double({column}), NULL)"
