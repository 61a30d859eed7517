"""Segments with a real Spark session: planted groups are found, and what cannot be cut says so."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

from contracts.ml import CUSTOMER_KEY, SEGMENT_FEATURES
from contracts.settings import settings
from lakehouse.errors import LakeError
from spark_ml import features
from spark_ml.clustering import CLUSTER, check_bounds
from spark_ml.segmentation import Segmentation, segment
from spark_ml.session import configuration

NAMES = [feature.name for feature in SEGMENT_FEATURES]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    options = configuration(settings(), rows=0) | {
        "spark.ui.enabled": "false",
        "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    session = SparkSession.builder.appName("test").config(map=options).getOrCreate()
    yield session
    session.stop()


def planted(groups: int, customers: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers around well-separated centres, some features skewed; and the group of each."""
    random = np.random.default_rng(seed)
    group = np.arange(customers) % groups
    # A permutation a feature: any two centres differ in every one.
    steps = np.array([random.permutation(groups) for _ in NAMES]).T[group]
    values = 1 + 4 * steps + random.normal(0, 0.15, (customers, len(NAMES)))
    values[:, 2] = np.expm1(values[:, 2] / 3)
    frame = pd.DataFrame(values, columns=NAMES)
    frame.insert(0, CUSTOMER_KEY, [f"c{number}" for number in range(customers)])
    return frame, group


def adjusted_rand(left: np.ndarray, right: np.ndarray) -> float:
    """Hubert and Arabie: 1 for equal partitions, about 0 for unrelated ones."""

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    table = pd.crosstab(left, right).to_numpy()
    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / pairs(np.array([len(left)]))
    return (both - expected) / ((rows + columns) / 2 - expected)


def cut(spark: SparkSession, frame: pd.DataFrame, k_min: int = 2, k_max: int = 4, seed: int = 1) -> Segmentation:
    return segment(features.checked(spark.createDataFrame(frame), "the features"), "the features", k_min, k_max, seed)


def test_planted_groups_are_found(spark: SparkSession):
    frame, group = planted(groups=5, customers=1000)
    found = cut(spark, frame, 4, 6)
    assert found.chosen.k == 5
    rows = {row[CUSTOMER_KEY]: row for row in found.assigned.collect()}
    assert adjusted_rand(group, np.array([rows[customer]["segment"] for customer in frame[CUSTOMER_KEY]])) >= 0.95
    assert len({row["segment_name"] for row in rows.values()}) == 5
    centres = np.array(found.chosen.model.clusterCenters())
    for row in rows.values():
        distances = np.linalg.norm(centres - row[features.SCALED].toArray(), axis=1)
        assert row["distance"] == pytest.approx(distances.min())
        assert row[CLUSTER] == distances.argmin()
    revenue = [one.mean["net_revenue"] for one in found.profiles]
    assert revenue == sorted(revenue, reverse=True)
    assert [one.segment for one in found.profiles] == [1, 2, 3, 4, 5]
    assert sum(one.share for one in found.profiles) == pytest.approx(1)


def test_the_stored_model_gives_the_same_segments_and_the_same_seed_too(spark: SparkSession):
    frame, _ = planted(groups=3, customers=90)
    found = cut(spark, frame)
    expected = {row[CUSTOMER_KEY]: row["segment_name"] for row in found.assigned.collect()}
    with tempfile.TemporaryDirectory() as folder:
        found.model.write().overwrite().save(Path(folder).as_uri())
        scored = PipelineModel.load(Path(folder).as_uri()).transform(spark.createDataFrame(frame))
        assert {row[CUSTOMER_KEY]: row["segment_name"] for row in scored.collect()} == expected
    assert {row[CUSTOMER_KEY]: row["segment_name"] for row in cut(spark, frame).assigned.collect()} == expected


def test_skew_gaps_and_constants_are_handled_and_named(spark: SparkSession):
    frame, group = planted(groups=3, customers=90)
    frame["orders"] = np.where(np.arange(90) < 3, 1e6, 2.0 + group)
    frame["categories"] = 4
    frame.loc[5, "return_rate"] = np.nan
    frame.loc[6, "return_rate"] = np.inf
    found = cut(spark, frame)
    logged, constant, filled = found.notes
    assert logged.startswith("logarithm taken of:")
    assert "orders (skewness" in logged
    assert constant == "left out, the same for every customer: categories"
    assert filled == "missing, median taken: return_rate (2 customers)"
    assert "categories" not in found.profiles[0].position


def test_few_customers_cut_the_range(spark: SparkSession):
    frame, _ = planted(groups=2, customers=6)
    found = cut(spark, frame, 2, 8)
    assert [candidate.k for candidate in found.candidates] == [2, 3]
    assert "k up to 3 instead of 8: more would leave fewer than two different customers a cluster" in found.notes


def test_what_cannot_be_cut_is_named(spark: SparkSession):
    frame, _ = planted(groups=2, customers=8)
    with pytest.raises(LakeError, match="the features lacks the column net_revenue"):
        cut(spark, frame.drop(columns="net_revenue"))
    with pytest.raises(LakeError, match="orders is string, not a number"):
        cut(spark, frame.assign(orders="many"))
    with pytest.raises(LakeError, match="9 rows for 8 customers"):
        cut(spark, pd.concat([frame, frame.head(1)]))
    with pytest.raises(LakeError, match="8 customers with different features are too few for 5 clusters: at least 10 are needed"):
        cut(spark, frame, 5, 8)
    with pytest.raises(LakeError, match="all features are constant"):
        cut(spark, frame.assign(**dict.fromkeys(NAMES, 1.0)))
    with pytest.raises(LakeError, match="4 customers with different features are too few for 3 clusters: at least 6 are needed"):
        cut(spark, frame.assign(**{name: np.arange(8) // 2 for name in NAMES}), 3, 4)
    with pytest.raises(LakeError, match="expected 2 <= k-min <= k-max"):
        check_bounds(4, 3)
    empty = spark.createDataFrame(frame).limit(0)
    with pytest.raises(LakeError, match="the features is empty"):
        segment(features.checked(empty, "the features"), "the features", 2, 4, 1)
