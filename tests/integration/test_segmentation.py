"""Segments with a real Spark session: planted groups are found, and what cannot be cut says so."""

import signal
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
from spark_ml.choice import Candidate, check_bounds, ranked
from spark_ml.clustering import CLUSTER
from spark_ml.segmentation import PREVIOUS, Before, Segmentation, segment
from spark_ml.session import configuration
from spark_ml.stability import Stability, adjusted_rand

NAMES = [feature.name for feature in SEGMENT_FEATURES]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    options = configuration(settings(), rows=0) | {
        "spark.ui.enabled": "false",
        "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    # PySpark takes Ctrl-C for itself and keeps it after its session has ended.
    before = signal.getsignal(signal.SIGINT)
    session = SparkSession.builder.appName("test").config(map=options).getOrCreate()
    yield session
    session.stop()
    signal.signal(signal.SIGINT, before)


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


def cut(
    spark: SparkSession, frame: pd.DataFrame, k_min: int = 2, k_max: int = 4, seed: int = 1, **before: Before | int
) -> Segmentation:
    data = features.checked(spark.createDataFrame(frame), "the features")
    return segment(data, "the features", k_min, k_max, seed, **before)


def segments(found: Segmentation) -> dict[str, int]:
    return {row[CUSTOMER_KEY]: row["segment"] for row in found.assigned.collect()}


def as_before(spark: SparkSession, of_customer: dict[str, int], names: dict[int, str]) -> Before:
    rows = spark.createDataFrame(list(of_customer.items()), f"{CUSTOMER_KEY} string, {PREVIOUS} int")
    return Before("before", rows, names)


def candidate(k: int, silhouette: float, seeds: float, bootstraps: float) -> Candidate:
    return Candidate(k, silhouette, 1.0, Stability(seeds, bootstraps))


def test_planted_groups_are_found(spark: SparkSession):
    frame, group = planted(groups=5, customers=1000)
    found = cut(spark, frame, 4, 6)
    assert found.chosen.candidate.k == 5
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
    logged, constant, filled, outliers = found.notes
    assert logged.startswith("logarithm taken of:")
    assert "orders (skewness" in logged
    assert constant == "left out, the same for every customer: categories"
    assert filled == "missing, median taken: return_rate (2 customers)"
    assert outliers.startswith("outliers, clustered as if on the bound: orders (3 customers above ")
    assert outliers.endswith(", the greatest 1e+06)")
    assert "categories" not in found.profiles[0].position


def test_outliers_are_named_and_do_not_draw_the_centres(spark: SparkSession):
    """Three of 300 customers, as far out as they may be, in a feature whose logarithm is not taken."""
    frame, group = planted(groups=3, customers=300)
    far = frame.assign(recency_days=np.where(np.arange(300) < 3, -1e9, frame["recency_days"]))
    found = cut(spark, far, 3, 3)
    measured = {one.feature.name: one for one in found.measured}
    assert not measured["recency_days"].logged
    low, high = measured["recency_days"].bounds
    assert low < frame["recency_days"].min() < frame["recency_days"].max() < high
    assert {name: one.outliers for name, one in measured.items() if one.outliers} == {"recency_days": 3}
    named = {row[CUSTOMER_KEY]: row["outlier_in"] for row in found.assigned.collect()}
    assert {customer: feature for customer, feature in named.items() if feature} == dict.fromkeys(
        ("c0", "c1", "c2"), "recency_days"
    )
    of_customer = segments(found)
    assert adjusted_rand(group, np.array([of_customer[customer] for customer in frame[CUSTOMER_KEY]])) == 1
    # Unbounded, the three would be all that there is to see in this feature.
    assert max(one.position["recency_days"] for one in found.profiles) > 0.5
    assert min(one.mean["recency_days"] for one in found.profiles) < -1e6


def test_the_best_of_the_stable_is_chosen_and_else_the_most_stable():
    wide, right, unstable = candidate(2, 0.4, 1.0, 0.9), candidate(4, 0.5, 0.95, 0.85), candidate(6, 0.7, 0.99, 0.79)
    assert ranked([unstable, wide, right]) == [right, wide, unstable]
    assert ranked([unstable, candidate(5, 0.8, 0.6, 0.95)])[0] is unstable
    three, four, five = candidate(3, 0.5, 1.0, 1.0), candidate(4, 0.46, 1.0, 1.0), candidate(5, 0.44, 1.0, 1.0)
    assert ranked([five, three, four]) == [four, three, five]
    assert ranked([candidate(3, -0.5, 1.0, 1.0), candidate(4, -0.6, 1.0, 1.0)])[0].k == 3
    assert ranked([candidate(4, 0.9, 0.6, 0.6), candidate(3, 0.5, 0.6, 0.6)])[0].k == 3


def test_no_stable_number_is_said(spark: SparkSession):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(5, 1, (300, len(NAMES))), columns=NAMES).assign(
        **{CUSTOMER_KEY: [f"c{number}" for number in range(300)]}
    )
    found = cut(spark, frame, 6, 7)
    assert any(note.startswith("no number of clusters is stable: made anew, these ") for note in found.notes)


def test_segments_keep_their_numbers_and_new_ones_take_unused_ones(spark: SparkSession):
    """Four groups; in the next run one of them is gone, one is new, ten customers have moved, and everybody spends more."""
    frame, group = planted(groups=5, customers=500)
    first = cut(spark, frame[group < 4], 4, 4)
    assert set(first.names) == {1, 2, 3, 4}
    number = segments(first)
    of_group = {one: number[frame[CUSTOMER_KEY][group == one].iloc[0]] for one in range(4)}

    later = frame.assign(net_revenue=1.1 * frame["net_revenue"])
    movers = later.index[group == 1][:10]
    later.loc[movers, NAMES] = later.loc[later.index[group == 2][:10], NAMES].to_numpy()
    # Other rows first and another seed: K-Means numbers its clusters otherwise.
    second = cut(spark, later[group > 0].iloc[::-1], 4, 4, seed=9, before=as_before(spark, number, first.names), highest=6)
    of_customer = segments(second)
    moved = {f"c{place}" for place in movers}
    for customer, of in zip(frame[CUSTOMER_KEY], group, strict=True):
        expected = {1: of_group[2 if customer in moved else 1], 2: of_group[2], 3: of_group[3], 4: 7}
        assert of_customer.get(customer) == expected.get(of), customer
    assert set(second.overlap) == {of_group[1], of_group[2], of_group[3]}
    assert second.overlap[of_group[1]] == pytest.approx(0.9)
    assert second.overlap[of_group[3]] == pytest.approx(1.0)
    before = {row[CUSTOMER_KEY]: row[PREVIOUS] for row in second.assigned.collect()}
    assert before == {customer: number.get(customer, 0) for customer in of_customer}


def test_strangers_only_start_new_numbers(spark: SparkSession):
    frame, _ = planted(groups=3, customers=90)
    strangers = as_before(spark, {"x1": 1, "x2": 2}, {1: "Loyal", 2: "Lost"})
    assert set(cut(spark, frame, 3, 3, before=strangers, highest=4).names) == {5, 6, 7}


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
