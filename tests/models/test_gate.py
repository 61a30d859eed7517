"""The gate passes what is fine and names what is not; each expectation is seen to fail."""

import pandas as pd
import pytest
from made_up import AS_OF, features

from contracts.churn import CATEGORIES, CUTOFF, NUMERIC
from spark_ml.churn.gate import examine
from spark_ml.quality import distribution
from spark_ml.quality.expectations import population_stability, unmet
from spark_ml.quality.page import page


def named(frame: pd.DataFrame, then: dict | None = None) -> set[str]:
    findings, drift, _ = examine(frame, AS_OF.isoformat(), then)
    return {f"{one.subject}: {one.expectation}" for one in unmet([*findings, *drift])}


def test_good_features_pass():
    findings, drift, measured = examine(features(), AS_OF.isoformat(), None)
    assert (unmet(findings), drift) == ([], [])
    assert len(findings) > 80
    assert set(measured) == {*NUMERIC, *CATEGORIES}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f.drop(columns="orders"), "orders: is there"),
        (lambda f: f.assign(recency_days=f["recency_days"].where(f.index != 3)), "recency_days: has no missing values"),
        (lambda f: f.assign(orders=f["orders"].where(f.index != 3, -1)), "orders: is not negative"),
        (lambda f: f.assign(return_rate=1.5), "return_rate: is a share, 0 to 1"),
        (lambda f: f.assign(device="fridge"), "device: is one of desktop, mobile, tablet, unknown"),
        (lambda f: f.assign(country="Germany"), "country: is a code of two letters, or unknown"),
        (lambda f: f.assign(channel=""), "channel: is not empty"),
        (lambda f: f.assign(label=f["label"].where(f["label"].isna(), 2.0)), "label: is 0 or 1 where it is known"),
        (lambda f: pd.concat([f, f.head(1)]), "table: cutoff_day and customer_id are unique together"),
        (lambda f: f[f[CUTOFF] != AS_OF], "table: the newest cutoff is the as-of day 2026-06-30"),
        (lambda f: f.groupby(CUTOFF).head(20), "table: 100 customers or more at each cutoff"),
        (lambda f: f.head(0), "table: 100 customers or more at each cutoff"),
    ],
)
def test_what_is_not_met_is_named(change, expected: str):
    assert expected in named(change(features()))


def test_drift_is_seen_against_the_last_accepted_run():
    _, _, then = examine(features(), AS_OF.isoformat(), None)
    assert named(features(seed=50), then) == set()
    drifted = named(features().assign(recency_days=lambda f: f["recency_days"] / 3, country="AT"), then)
    assert {one.partition(":")[0] for one in drifted} == {"recency_days", "country"}


def test_drift_is_seen_again_after_one_that_was_accepted():
    """Far above what the first run knew, all values lie beyond its edges: they are no measure of what comes later."""
    then: dict | None = None
    for factor, drifted in ((1, set()), (1000, {"net_revenue"}), (1000, set()), (5000, {"net_revenue"})):
        frame = features().assign(net_revenue=lambda f, factor=factor: factor * (1 + f["net_revenue"]))
        assert {one.partition(":")[0] for one in named(frame, then)} == drifted
        _, _, then = examine(frame, AS_OF.isoformat(), then)


def test_population_stability_by_hand():
    """(0.6 - 0.5) ln 1.2 + (0.4 - 0.5) ln 0.8"""
    assert population_stability({"a": 0.5, "b": 0.5}, {"a": 0.6, "b": 0.4}) == pytest.approx(0.018232 + 0.022314, abs=1e-6)
    assert population_stability({"a": 1.0}, {"a": 1.0}) == 0
    assert population_stability({"a": 1.0}, {"b": 1.0}) > distribution.UNSTABLE_FROM


def test_the_page_lists_every_expectation():
    findings, _, _ = examine(features().assign(device="<fridge>"), AS_OF.isoformat(), None)
    text = page("Features", "r1", {"identifier": "marts.churn_features", "snapshot_id": 7, "rows": 2800}, findings)
    assert text.count("<tr>") == len(findings) + 1
    assert "&lt;fridge&gt;" in text and "<fridge>" not in text
    assert "Features: stopped" in text
