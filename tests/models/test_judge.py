"""The judge recovers what is drawn by the book, and turns red where it must."""

import numpy as np
import pandas as pd
import pytest

from generators.segments import SEGMENTS
from judge.churn import Ceiling, ceiling, chance_of_silence
from judge.parameters import allowed_misses, recover
from judge.planted import Planted

START, UNTIL = pd.Timestamp("2025-01-01", tz="UTC"), pd.Timestamp("2026-01-01", tz="UTC")
DAY = pd.Timedelta(days=1)


def shop(name: str, customers: int, seed: int, faster: float = 1.0) -> tuple[Planted, pd.DataFrame]:
    """Customers of one segment and their orders, drawn by BG/NBD and Gamma-Gamma; ``faster`` than planted."""
    random, segment = np.random.default_rng(seed), next(each for each in SEGMENTS if each.name == name)
    rate = random.gamma(segment.purchase_rate.shape, faster / segment.purchase_rate.rate, customers)
    dropout = random.beta(segment.dropout.a, segment.dropout.b, customers)
    spend = random.gamma(segment.spend.q, 1 / segment.spend.scale, customers)
    registered = random.uniform(0, 300, customers)
    rows = []
    for number in range(customers):
        at, values = registered[number], []
        while (at := at + random.exponential(1 / rate[number])) < 365:
            values.append((at, random.gamma(segment.spend.p, 1 / spend[number])))
            if random.random() < dropout[number]:
                break
        if values:
            rows.append((f"c{number}", len(values), START + values[-1][0] * DAY, np.mean([value for _, value in values])))
    people = pd.DataFrame(
        {"customer_id": [f"c{number}" for number in range(customers)], "segment": name, "registered_at": START + registered * DAY}
    )
    return Planted(people, START), pd.DataFrame(rows, columns=["customer_id", "orders", "last_at", "mean_value"])


@pytest.mark.timeout(600)
def test_what_is_planted_is_recovered_and_what_is_not_is_missed():
    found = list(recover(*shop("loyal", 1500, seed=3), UNTIL))
    assert [one.parameter for one in found] == ["r", "alpha", "a", "b", "p", "q", "v"]
    assert sum(one.missed for one in found) <= allowed_misses(len(found))
    assert all(one.low < one.estimate < one.high for one in found)
    wrong = {one.parameter: one for one in recover(*shop("loyal", 1500, seed=3, faster=2.0), UNTIL)}
    assert wrong["alpha"].missed
    assert wrong["alpha"].planted / wrong["alpha"].estimate == pytest.approx(2, rel=0.25)


def test_the_number_of_misses_that_is_allowed():
    """Binomial with 5 %: of 49 more than 8 come up once in 1,400 shops, more than 7 once in 350."""
    assert allowed_misses(49) == 8
    assert allowed_misses(1) == 1
    assert allowed_misses(7) == 3


def test_nobody_beats_the_ceiling_unless_it_leaks():
    random, n = np.random.default_rng(0), 4000
    cutoff = pd.Timestamp("2025-06-30").date()
    people = pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(n)],
            "left_at": pd.Timestamp("2025-07-01", tz="UTC") + random.choice([-40, 900], n) * DAY,
            "purchases_per_day": random.gamma(2, 0.01, n),
        }
    )
    silent = random.random(n) < chance_of_silence(people, cutoff)
    labels = pd.DataFrame({"customer_id": people["customer_id"], "label": silent.astype(int)})
    evaluation = pd.DataFrame({"model": ["m"], "chosen": [1], "cutoff_day": [cutoff], "roc_auc": [0.8]})
    found = ceiling(people, labels, evaluation)
    assert 0.85 < found.best < 1
    assert not found.leaks
    assert Ceiling("m", found.best - 0.001, found.best).leaks
    assert Ceiling("m", 1.0, found.best).leaks
