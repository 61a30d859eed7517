"""Metrics and the threshold, against values worked out by hand and by trying everything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_ml.churn.metrics import Economics, auc_interval, quality

LABEL = np.array([1, 1, 0, 1, 0, 0, 0, 0])
SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1])
OFFERS = Economics(customer_value=40.0, offer_cost=4.0, offer_success=0.25)  # 10 saved a churner, less 4 an offer


def test_quality_by_hand():
    found = quality(LABEL, SCORE, threshold=0.6, economics=OFFERS)
    # Of 3 x 5 pairs one is in the wrong order.
    assert found.roc_auc == pytest.approx(14 / 15)
    assert found.pr_auc == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert (found.top, found.precision_at_top, found.recall_at_top) == (8, pytest.approx(3 / 8), 1.0)
    assert found.f1 == pytest.approx(2 * (3 / 4) * 1 / (3 / 4 + 1))
    assert found.brier == pytest.approx(((LABEL - SCORE) ** 2).mean())
    assert found.profit == pytest.approx(3 * 10 - 4 * 4)


def test_the_threshold_by_hand():
    assert OFFERS.best_threshold(LABEL, SCORE) == 0.6
    nothing_pays = Economics(customer_value=1.0, offer_cost=4.0, offer_success=0.25)
    assert (nothing_pays.best_threshold(LABEL, SCORE) > SCORE).all()


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=30),
    st.floats(1, 200), st.floats(0.1, 20), st.floats(0.05, 1),
)  # fmt: skip
def test_no_threshold_earns_more(rows: list, value: float, cost: float, success: float):
    label, score = np.array([row[0] for row in rows]), np.array([row[1] for row in rows]) / 6
    economics = Economics(value, cost, success)
    chosen = economics.profit(label, score >= economics.best_threshold(label, score))
    for threshold in (*score, 2.0):
        assert chosen >= economics.profit(label, score >= threshold) - 1e-6


def test_the_interval_of_the_auc_covers_as_often_as_it_says():
    """Normal scores, one standard deviation apart: the true AUC is 0.7602."""
    random, covered, rounds = np.random.default_rng(0), 0, 400
    for _ in range(rounds):
        score = np.concatenate([random.normal(1, 1, 120), random.normal(0, 1, 180)])
        low, high = auc_interval(np.repeat([1, 0], [120, 180]), score)
        covered += low <= 0.7602 <= high
    # 95 % of 400 within four standard errors.
    assert 0.95 - 4 * (0.05 * 0.95 / rounds) ** 0.5 <= covered / rounds <= 0.95 + 4 * (0.05 * 0.95 / rounds) ** 0.5
