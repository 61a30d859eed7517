"""Lifetime value: known parameters come back, the holdout is what it says."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from contracts.ml import HORIZONS
from lakehouse.errors import LakeError
from spark_ml.lifetime import buying, holdout
from spark_ml.lifetime.forecast import forecast
from spark_ml.lifetime.value import fit, parameters

TRUE = {"r": 2.0, "alpha": 60.0, "a": 1.5, "b": 10.0, "p": 6.0, "q": 4.0, "v": 30.0}


def drawn(customers: int = 1500) -> pd.DataFrame:
    """By the book: Fader and Hardie's summary of customers who have bought once, at time 0."""
    random = np.random.default_rng(5)
    rows = []
    for number in range(customers):
        rate, leaves = random.gamma(TRUE["r"], 1 / TRUE["alpha"]), random.beta(TRUE["a"], TRUE["b"])
        until, at, times = random.integers(30, 360), 0.0, []
        while (at := at + random.exponential(1 / rate)) < until:
            times.append(at)
            if random.random() < leaves:
                break
        scale = random.gamma(TRUE["q"], 1 / TRUE["v"])
        values = random.gamma(TRUE["p"], 1 / scale, len(times))
        rows.append((f"c{number}", len(times), times[-1] if times else 0.0, until, values.mean() if times else 0.0))
    frame = pd.DataFrame(rows, columns=["customer_id", "frequency", "recency", "T", "monetary_value"])
    return frame.astype({"frequency": float, "T": float})


@pytest.mark.timeout(600)
def test_parameters_come_back_and_forecasts_have_intervals():
    summary = drawn()
    models = fit(summary, seed=1)
    found = parameters(*models)
    assert set(found) == set(TRUE)
    # Of seven right intervals of 95 % three miss once in 260 shops; these are drawn from one seed.
    assert sum(not one["low"] <= TRUE[name] <= one["high"] for name, one in found.items()) <= 2
    ahead = forecast(*models, summary, HORIZONS)
    assert list(ahead["customer_id"]) == list(summary["customer_id"])
    assert ahead["p_alive"].between(0, 1).all()
    for what in ("purchases", "value"):
        assert (ahead[f"{what}_3m"] < ahead[f"{what}_6m"]).all() and (ahead[f"{what}_6m"] < ahead[f"{what}_12m"]).all()
        assert (ahead[f"{what}_12m_low"] <= ahead[f"{what}_12m"]).all() and (
            ahead[f"{what}_12m"] <= ahead[f"{what}_12m_high"]
        ).all()


def test_too_few_who_came_back_are_named():
    summary = drawn(200)
    summary.loc[summary.index >= 10, ["frequency", "recency"]] = 0.0
    with pytest.raises(LakeError, match="customers bought on a second day, 50 are needed"):
        fit(summary, seed=1)


def at(day: date, purchase_days: list[int], revenue: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cutoff_day": day, "customer_id": ["a", "b"], "purchase_days": purchase_days, "net_revenue": revenue,
            "days_between_orders": [10.0, 0.0], "recency_days": [5.0, 7.0],
        }
    )  # fmt: skip


def test_the_holdout_is_what_came_after_the_oldest_cutoff():
    frame = pd.concat([at(date(2026, 3, 1), [5, 1], [80.0, 20.0]), at(date(2026, 1, 1), [3, 1], [30.0, 20.0])])
    history, days = holdout.histories(frame)
    assert days == 59
    assert history[["customer_id", "frequency", "recency", "T", "monetary_value"]].to_numpy().tolist() == [
        ["a", 2.0, 20.0, 25.0, 10.0],
        ["b", 0.0, 0.0, 7.0, 20.0],
    ]
    assert history["later_purchases"].tolist() == [2, 0]
    assert history["later_value"].tolist() == [50.0, 0.0]
    with pytest.raises(LakeError, match="a holdout needs two"):
        holdout.histories(at(date(2026, 1, 1), [1, 1], [1.0, 1.0]))


def test_errors_by_hand():
    found = holdout.error(np.array([1.0, 2.0, 4.0]), np.array([0.0, 2.0, 3.0]))
    assert (found.mae, found.bias, found.rank) == (pytest.approx(2 / 3), pytest.approx(0.4), pytest.approx(1.0))


def test_a_summary_at_a_cutoff_is_fader_and_hardie_s():
    found = buying.summary_at_cutoff(at(date(2026, 1, 1), [3, 1], [30.0, 20.0]))
    assert found[["frequency", "recency", "T"]].to_numpy().tolist() == [[2.0, 20.0, 25.0], [0.0, 0.0, 7.0]]
