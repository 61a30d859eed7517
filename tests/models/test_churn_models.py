"""Each candidate learns what was put in, is explained by it, and gives the same again."""

from argparse import Namespace

import numpy as np
import pytest
from made_up import features
from sklearn.metrics import roc_auc_score

from contracts.churn import CUSTOMER, FEATURES, LABEL
from spark_ml.churn import baselines, explain
from spark_ml.churn.candidates import BY_NAME, CANDIDATES, Candidate
from spark_ml.churn.evaluate import choice
from spark_ml.churn.features import checked, split
from spark_ml.churn.metrics import Economics
from spark_ml.churn.search import out_of_fold, sample, search
from spark_ml.churn.train import fit_candidate

SETS = split(checked(features(600), "made up"), "made up")
X, Y = SETS.train[list(FEATURES)], SETS.train[LABEL]


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda each: each.name)
def test_a_candidate_learns_and_is_explained(candidate: Candidate):
    model = candidate.make(candidate.usual, 1, len(X)).fit(X, Y)
    score = model.predict_proba(SETS.test[list(FEATURES)])[:, 1]
    assert roc_auc_score(SETS.test[LABEL], score) > 0.85
    again = candidate.make(candidate.usual, 1, len(X)).fit(X, Y)
    # A forest adds up its trees in the order in which threads finish.
    assert np.allclose(score, again.predict_proba(SETS.test[list(FEATURES)])[:, 1], rtol=0, atol=1e-12)
    values = explain.contributions(model, SETS.test.head(50), SETS.train)
    assert list(values.columns) == list(FEATURES)
    assert set(values.abs().mean().sort_values(ascending=False).index[:2]) == {"recency_days", "purchase_days"}
    words = explain.factors(values, SETS.test.head(50))
    assert len(words) == 50
    assert all(word.count("(") == 3 for word in words)


def test_the_choice_is_made_in_training():
    """Whatever the test says: facts of training are all that it is given."""
    known = {"a": {"out_of_fold_roc_auc": 0.80}, "b": {"out_of_fold_roc_auc": 0.82}, "c": {"out_of_fold_roc_auc": 0.81}}
    assert choice(known) == "b"


def test_a_fit_tells_how_well_the_model_knows_whom_it_has_not_seen(monkeypatch):
    monkeypatch.setattr("spark_ml.churn.train.save", lambda *_: None)
    given = Namespace(run_id="r", trials=0, search_seconds=0, seed=1)
    candidate = BY_NAME["logistic_regression"]
    found = fit_candidate(candidate, SETS.train, given, Economics(60.0, 5.0, 0.25))
    unseen = out_of_fold(candidate, candidate.usual, SETS.train, 1)
    assert found["out_of_fold_roc_auc"] == roc_auc_score(Y, unseen)


def test_contributions_of_the_boosted_trees_add_up_to_the_log_odds():
    model = BY_NAME["lightgbm"].make(BY_NAME["lightgbm"].usual, 1, len(X)).fit(X, Y)
    rows = SETS.test.head(40)
    score = model.predict_proba(rows[list(FEATURES)])[:, 1]
    rest = np.log(score / (1 - score)) - explain.contributions(model, rows, SETS.train).sum(axis=1)
    assert np.ptp(rest) < 1e-6


def test_the_way_down_a_forest_adds_up_as_shap_does_and_finds_the_same_strongest_feature():
    model = BY_NAME["random_forest"].make(BY_NAME["random_forest"].usual, 1, len(X)).fit(X, Y)
    rows = SETS.test.head(100)
    score = model.predict_proba(rows[list(FEATURES)])[:, 1]
    exact, quick = (explain.contributions(model, rows, SETS.train, many) for many in (False, True))
    assert not np.allclose(exact, quick)
    for values in (exact, quick):
        assert np.ptp(score - values.sum(axis=1)) < 1e-6
    same = exact.abs().idxmax(axis=1) == quick.abs().idxmax(axis=1)
    assert same.mean() > 0.8


def test_out_of_fold_never_sees_the_customer():
    """A model that knows only who it is has nothing to say about a stranger."""
    rows = SETS.train.assign(**{name: 0.0 for name in FEATURES if name not in ("device", "country", "channel")})
    codes = rows[CUSTOMER].astype("category").cat.codes
    rows["recency_days"] = codes.astype(float)
    rows[LABEL] = np.random.default_rng(0).integers(0, 2, codes.max() + 1)[codes]
    found = out_of_fold(BY_NAME["lightgbm"], BY_NAME["lightgbm"].usual, rows, 1)
    assert abs(roc_auc_score(rows[LABEL], found) - 0.5) < 0.1
    assert set(sample(rows, 300, 1)[CUSTOMER].value_counts()) == set(rows[CUSTOMER].value_counts())


def test_the_search_stays_in_its_budget_and_repeats():
    candidate = BY_NAME["logistic_regression"]
    assert search(candidate, SETS.train, 0, 10, 1) == candidate.usual
    assert search(candidate, SETS.train, 2, 60, 1) == search(candidate, SETS.train, 2, 60, 1)


@pytest.mark.timeout(400)
def test_baselines_order_and_are_probabilities():
    for name, make in baselines.BASELINES.items():
        baseline = make(SETS.train, 1)
        score = baseline.probability(SETS.test)
        assert 0 <= score.min() <= score.max() <= 1, name
        assert roc_auc_score(SETS.test[LABEL], score) > 0.7, name
