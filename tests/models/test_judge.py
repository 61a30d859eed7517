"""The judge recovers what is drawn by the book, and turns red where it must."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from generators.ledger import directory, history_run
from generators.segments import SEGMENTS
from judge import recovered
from judge.__main__ import judge_churn, judge_experiments
from judge.churn import Ceiling, ceiling, chance_of_silence
from judge.experiments import Lift, expected, far_off, lifts
from judge.parameters import allowed_misses, recover
from judge.planted import MixedError, Planted, planted
from lakehouse.errors import LakeError
from spark_ml.lifetime import buying

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
    orders = pd.DataFrame(rows, columns=["customer_id", "orders", "last_at", "mean_value"])
    return Planted(people, pd.DataFrame(), START, UNTIL), orders


@pytest.mark.timeout(600)
def test_what_is_planted_is_recovered_and_what_is_not_is_missed():
    found = list(recover(*shop("loyal", 1500, seed=3), UNTIL))
    assert [one.parameter for one in found] == ["r", "alpha", "a", "b", "p", "q", "v"]
    assert sum(one.missed for one in found) <= allowed_misses(len(found))
    assert all(one.low < one.estimate < one.high for one in found)
    wrong = {one.parameter: one for one in recover(*shop("loyal", 1500, seed=3, faster=2.0), UNTIL)}
    assert wrong["alpha"].missed
    assert wrong["alpha"].planted / wrong["alpha"].estimate == pytest.approx(2, rel=0.25)


@pytest.mark.timeout(600)
def test_parameters_that_purchases_do_not_tell_apart_are_named(monkeypatch):
    """As where a fit ends on a plateau: there is no curvature around it, and no interval."""

    def on_a_plateau(summary, seed):
        model = buying.fit(summary, seed)
        model.idata.posterior = model.idata.posterior * 1e-9
        return model

    monkeypatch.setattr("judge.parameters.buying", SimpleNamespace(fit=on_a_plateau))
    told: list[str] = []
    found = list(recover(*shop("loyal", 200, seed=3), UNTIL, told.append))
    assert [one.parameter for one in found] == ["p", "q", "v"]
    assert len(told) == 1
    assert re.fullmatch(r"loyal: not judged, 200 customers do not tell \w+, \w+, \w+, \w+ of BetaGeoModel apart: .*", told[0])


def test_a_mixture_of_shops_is_refused(tmp_path, monkeypatch):
    """Its customers share their ids; only what the last of them planted is known."""
    truth = tmp_path / "truth"
    monkeypatch.setattr("judge.planted.settings", lambda: SimpleNamespace(truth=truth))
    directory(truth).mkdir(parents=True)
    (truth / "world.json").write_text('{"start": 0, "sent_until": 60000}')
    for name in ("customers", "experiments"):
        pd.DataFrame({"customer_id": ["c1"]}).to_parquet(truth / f"{name}.parquet")
    # Two runs of one history are one shop.
    for world, since in (("a", 1), ("a", 2)):
        (directory(truth) / f"{history_run(world, since)}-000000.parquet").touch()
    assert planted().until == pd.Timestamp("1970-01-01T00:01Z")
    (directory(truth) / f"{history_run('b', 1)}-000000.parquet").touch()
    with pytest.raises(MixedError, match="2 shops were simulated into one stack"):
        planted()


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
    tested = pd.DataFrame({"customer_id": people["customer_id"], "label": silent.astype(int), "score": random.random(n)})
    found = ceiling(people, tested, "m", cutoff)
    assert 0.85 < found.best < 1
    assert not found.leaks
    # Guests, of whom the model knows everything, are in neither figure.
    guests = pd.DataFrame({"customer_id": [f"g{number}" for number in range(n)], "label": silent.astype(int)})
    both = pd.concat([tested, guests.assign(score=guests["label"])])
    assert ceiling(people, both, "m", cutoff) == found
    with pytest.raises(LakeError, match="0 of the 4,000 customers"):
        ceiling(people, guests.assign(score=0.5), "m", cutoff)
    assert Ceiling("m", found.best - 0.001, found.best).leaks
    assert Ceiling("m", 1.0, found.best).leaks


def experiment(customers: int, seed: int, uplift: float) -> tuple[Planted, pd.DataFrame, pd.DataFrame]:
    """Two arms of Poisson buyers over 100 days, the second with so many more purchases; planted are 50 % more, of segment a."""
    random = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(2 * customers)],
            "segment": random.choice(["a", "b"], 2 * customers),
            "registered_at": START - 10 * DAY,
            "left_at": START + random.choice([50, 900], 2 * customers) * DAY,
            "purchases_per_day": random.gamma(2, 0.002, 2 * customers),
        }
    )
    treated = np.arange(2 * customers) >= customers
    days = np.minimum(100, (people["left_at"] - START) / DAY)
    more = 1 + uplift * (treated & (people["segment"] == "a"))
    bought = random.poisson(people["purchases_per_day"] * more * days)
    revenue = 20.0 * bought
    controls = people[["customer_id"]].assign(
        experiment="e", observed_until=START + 100 * DAY, purchases=bought, net_revenue=revenue
    )[~treated]
    row = {"experiment": "e", "variant": "new", "is_control": False, "started_at": START}
    for metric, values in (("conversion", (bought > 0).astype(float)), ("revenue", revenue)):
        lift = values[treated].mean() - values[~treated].mean()
        error = np.sqrt(values[treated].var() / customers + values[~treated].var() / customers)
        row |= {f"{metric}_lift": lift, f"{metric}_lift_low": lift - 1.96 * error, f"{metric}_lift_high": lift + 1.96 * error}
    truth = pd.DataFrame({"experiment": "e", "variant": "new", "segment": ["a", "b"], "uplift": [0.5, 0.0]})
    return Planted(people, truth, START, UNTIL), pd.DataFrame([row, {**row, "variant": "control", "is_control": True}]), controls


def test_a_planted_uplift_lies_in_its_intervals_and_another_does_not():
    right = [list(lifts(*experiment(2000, seed, uplift=0.5))) for seed in range(40)]
    assert [len(found) for found in right] == [2] * 40
    assert sum(one.missed for found in right for one in found) <= allowed_misses(80)
    assert not any(map(far_off, right))
    assert all(far_off(list(lifts(*experiment(2000, seed, uplift=2.0)))) for seed in range(40))


def test_one_lift_far_off_is_enough_and_a_near_miss_is_none():
    """Of six, 3.76 standard errors (0.001 / 6, two-sided)."""
    right = [Lift("e", "new", "revenue", 0.0, 0.0, -1.96, 1.96)] * 5
    for planted_lift, wrong in ((2.5, False), (3.7, False), (-3.7, False), (3.8, True), (-3.8, True)):
        one = Lift("e", "new", "conversion", planted_lift, 0.0, -1.96, 1.96)
        assert one.missed
        assert far_off([*right, one]) == ([one] if wrong else [])
    assert far_off([]) == []


def test_an_experiment_that_guests_have_joined_is_not_judged(monkeypatch):
    truth, results, controls = experiment(2000, seed=0, uplift=0.5)
    monkeypatch.setattr(recovered, "experiment_results", lambda client: results)
    monkeypatch.setattr(recovered, "exposed_controls", lambda client, control: controls)
    for ends, newest, judged in (
        (UNTIL - 10 * DAY, UNTIL + DAY, True),
        (pd.NaT, UNTIL + DAY, False),
        (UNTIL + DAY, UNTIL + DAY, False),
        (pd.NaT, UNTIL, True),
    ):
        monkeypatch.setattr(recovered, "newest_purchase", lambda client, newest=newest: newest)
        told: list[str] = []
        planted_now = replace(truth, experiments=truth.experiments.assign(ended_at=pd.to_datetime([ends] * 2, utc=True)))
        found, wrong = judge_experiments(None, planted_now, told)
        assert (len(found), wrong) == (2 if judged else 0, [])
        assert told == ([] if judged else ["e: not judged, a live stream takes part in it since 2026-01-01 00:00"])


def test_a_model_whose_run_is_gone_is_not_judged(tmp_path, monkeypatch):
    monkeypatch.setattr("lakehouse.runs.settings", lambda: SimpleNamespace(var=tmp_path))
    rows = {"run_id": "r1", "model": ["m", "recency"], "chosen": [1, 0], "cutoff_day": UNTIL.date()}
    monkeypatch.setattr(recovered, "newest_evaluation", lambda client: pd.DataFrame(rows))
    told: list[str] = []
    assert judge_churn(None, pd.DataFrame(), told) == ({}, [])
    assert len(told) == 1
    assert told[0].startswith("churn: not judged, run r1 has no frozen_churn_features.json")


def test_what_an_uplift_makes_of_a_customer():
    """Two who bought nothing, one of whom left halfway, and one who bought."""
    control = pd.DataFrame(
        {
            "segment": "a",
            "registered_at": START,
            "left_at": START + np.array([900, 50, 900]) * DAY,
            "observed_until": START + 100 * DAY,
            "purchases_per_day": 0.01,
            "purchases": [0, 0, 3],
            "net_revenue": [0.0, 0.0, 30.0],
        }
    )
    truth = pd.DataFrame({"experiment": ["e"], "variant": ["new"], "segment": ["a"], "uplift": [0.5]})
    # A build that knows of 200 days, of which 100 were simulated.
    control["observed_until"] += 100 * DAY
    due = expected(Planted(pd.DataFrame(), truth, START, START + 100 * DAY), control, "e", "new", START)
    assert due["conversion"] == pytest.approx((1 - np.exp(-0.5) + 1 - np.exp(-0.25)) / 3)
    assert due["revenue"] == pytest.approx(5.0)
    assert Lift("e", "new", "revenue", due["revenue"], 7.0, 5.5, 8.5).missed
