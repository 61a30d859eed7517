"""Fits to generated data hold the planted parameters as often as their confidence says: purchases, spend, funnel, popularity.

Each test repeats over seeds and counts how often a 95 % interval (or region) misses the truth; ``nominal`` says whether that
count is believable. A wrong claim about the same data must be missed far more often.
"""

from functools import cache

import numpy as np
import pytest
from estimation import CHI2_95, KOLMOGOROV_95, NORMAL_975, bg_nbd, gamma_gamma, maximum, nominal

from generators.catalogue import CATEGORIES, RANK_DECAY, ZIPF, make_catalogue
from generators.catalogue import LOYAL as LOYAL_SHARE
from generators.chance import generator
from generators.clock import DAY, to_operational
from generators.columns import run_starts
from generators.customers import PurchaseClock
from generators.funnel import CODE, EXIT, LOOK, PATIENCE, STATES, Intent, tables, walk
from generators.segments import SEGMENTS, Segment
from generators.sessions import order_values

SEEDS = range(40)
LOYAL, REGULAR, BARGAIN_HUNTER = SEGMENTS[:3]


# Purchases and spend: one segment, many customers


def observed(seed: int, segment: Segment, count: int = 600, days: float = 500.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Purchases, time of the last one and time observed, of customers who registered over the first half of these days."""
    rng = generator(seed, 100)
    rate = rng.gamma(segment.purchase_rate.shape, size=count) / segment.purchase_rate.rate
    dropout = rng.beta(segment.dropout.a, segment.dropout.b, count)
    registered = (rng.random(count) * days / 2 * DAY).astype(np.int64)
    begin, end = to_operational(registered), float(to_operational(np.int64(days * DAY)))
    who, when = PurchaseClock(seed, registered, rate, dropout).until(end)
    last = np.zeros(count)
    np.maximum.at(last, who, when - begin[who])
    return np.bincount(who, minlength=count), last, end - begin


def bg_nbd_truth(segment: Segment) -> np.ndarray:
    return np.array([segment.purchase_rate.shape, segment.purchase_rate.rate, segment.dropout.a, segment.dropout.b])


def spent(seed: int, segment: Segment, count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Number of orders of each customer and their mean value."""
    rng = generator(seed, 101)
    code = SEGMENTS.index(segment)
    orders = rng.integers(1, 8, count)
    rate = rng.gamma(segment.spend.q, size=count) / segment.spend.scale
    who = np.repeat(np.arange(count), orders)
    values = order_values(rng, np.full(len(who), code), rate[who]) / 100
    return orders, np.bincount(who, values) / orders


def misses(likelihoods, truth: np.ndarray) -> int:
    """How often the 95 % confidence region of a likelihood ratio test does not hold ``truth``."""
    return sum(2 * (maximum(each, truth) - each(truth)) > CHI2_95[len(truth)] for each in likelihoods)


@cache
def purchase_likelihoods(segment: Segment):
    return [bg_nbd(*observed(seed, segment)) for seed in SEEDS]


@cache
def spend_likelihoods(segment: Segment):
    return [gamma_gamma(*spent(seed, segment)) for seed in SEEDS]


@pytest.mark.parametrize("segment", [LOYAL, REGULAR], ids=lambda segment: segment.name)
def test_bg_nbd_is_recovered(segment):
    assert nominal(misses(purchase_likelihoods(segment), bg_nbd_truth(segment)), len(SEEDS))


@pytest.mark.parametrize("parameter", range(4), ids=["r", "alpha", "a", "b"])
def test_another_bg_nbd_is_rejected(parameter):
    wrong = bg_nbd_truth(LOYAL)
    wrong[parameter] *= 1.5
    assert not nominal(misses(purchase_likelihoods(LOYAL), wrong), len(SEEDS))


@pytest.mark.parametrize("segment", [LOYAL, BARGAIN_HUNTER], ids=lambda segment: segment.name)
def test_gamma_gamma_is_recovered(segment):
    truth = np.array([segment.spend.p, segment.spend.q, segment.spend.scale])
    assert nominal(misses(spend_likelihoods(segment), truth), len(SEEDS))
    assert not nominal(misses(spend_likelihoods(segment), truth * np.array([1, 1, 1.15])), len(SEEDS))


def test_times_between_purchases_are_exponential():
    """Kolmogorov and Smirnov's test of first intervals, in units of each customer's own mean."""

    def missed(seed: int, factor: float) -> bool:
        rate = generator(seed, 102).gamma(4, size=500) / 56
        clock = PurchaseClock(seed, np.zeros(500, dtype=np.int64), rate, np.zeros(500))
        scaled = np.sort((clock.next - to_operational(np.int64(0))) * rate * factor)
        steps = np.arange(501) / 500
        uniform = 1 - np.exp(-scaled)
        distance = max((steps[1:] - uniform).max(), (uniform - steps[:-1]).max())
        return distance * 500**0.5 > KOLMOGOROV_95

    assert nominal(sum(missed(seed, 1.0) for seed in SEEDS), len(SEEDS))
    assert not nominal(sum(missed(seed, 1.2) for seed in SEEDS), len(SEEDS))


# The funnel


def transitions(seed: int) -> np.ndarray:
    """Counts of what followed what, of visitors who came to look: one segment, one device, products of the usual appeal."""
    n = 1_500
    zeros = np.zeros(n, dtype=np.int64)
    intent = Intent(zeros > 0, np.zeros(n), zeros > 0, zeros, zeros)
    steps = walk(generator(seed, 103), intent, lambda sessions, slots: np.ones(len(sessions)))
    first = run_starts(steps.session)
    place = np.arange(len(first)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    following = np.append(np.where(first[1:], EXIT, steps.kind[1:]), EXIT)
    patient = place < PATIENCE - 1  # later everybody who looks leaves
    return np.bincount(steps.kind[patient] * (EXIT + 1) + following[patient], minlength=len(STATES) * (EXIT + 1)).reshape(
        len(STATES), EXIT + 1
    )


def funnel_misses(factor: float) -> tuple[int, int]:
    """Binomial intervals that miss the planted rate (times ``factor``), of all."""
    moves = np.diff(tables()[LOOK, 0, 0, 1], axis=-1, prepend=0.0)
    missed = trials = 0
    for seed in SEEDS:
        counts = transitions(seed)
        for state in ("landing", "list", "search", "view", "cart", "checkout"):
            n = counts[CODE[state]].sum()
            for following in np.flatnonzero(moves[CODE[state]] > 0.05).tolist():
                rate = moves[CODE[state], following] * factor
                missed += abs(counts[CODE[state], following] - n * rate) > NORMAL_975 * (n * rate * (1 - rate)) ** 0.5
                trials += 1
    return missed, trials


def test_funnel_rates_are_recovered():
    assert nominal(*funnel_misses(1.0))
    assert not nominal(*funnel_misses(1.05))


def test_popularity_is_zipfs():
    """The product of rank k is drawn as often as k to the power of -1.05 says, whoever looks for it."""
    catalogue = make_catalogue(1)
    weight = np.sort(catalogue.weight)[::-1]
    assert np.polyfit(np.log(np.arange(1, 1001)), np.log(weight[:1000]), 1)[0] == pytest.approx(-ZIPF)
    missed = trials = 0
    for seed in SEEDS:
        rng = generator(seed, 105)
        drawn = catalogue.popular(rng, rng.integers(0, len(CATEGORIES), 20_000))
        count = np.bincount(drawn, minlength=len(catalogue))
        for product in np.argsort(-catalogue.weight)[:20].tolist():
            depth = int(np.flatnonzero(catalogue.members[catalogue.category[product]] == product)[0])
            loyal = RANK_DECAY * (1 - RANK_DECAY) ** depth / len(CATEGORIES)
            share = (1 - LOYAL_SHARE) * catalogue.weight[product] / catalogue.weight.sum() + LOYAL_SHARE * loyal
            missed += abs(count[product] - 20_000 * share) > NORMAL_975 * (20_000 * share * (1 - share)) ** 0.5
            trials += 1
    assert nominal(missed, trials)
