"""What is planted in whole worlds shows in their events, and as large as it is planted."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from estimation import NORMAL_975, nominal
from generators_support import END, world

from contracts.experiments import BUCKETS, bucket
from contracts.tables import SURVEYS
from generators.catalogue import CATEGORIES
from generators.chance import generator
from generators.clock import DAY, HOUR, HOURS, WEEKDAYS, milliseconds, to_operational
from generators.columns import Columns, concat, take
from generators.customers import REAL_DEVICES, PurchaseClock, customer_id, of_segment
from generators.experiments import EXPERIMENTS
from generators.funnel import CART, CODE, PURCHASE
from generators.segments import CHANNELS, SEGMENTS
from generators.shifts import CAMPAIGN, CHECKOUT_BUG, PRICE_RISE
from generators.surveys import SLOPE, survey_rows
from generators.world import BIRTHDAY_DAYS, BIRTHDAY_LIFT, YEAR, World, engagement

WORLDS = range(20)
# Standard errors that an estimate from a single data set may be off: more happens once in a thousand.
SURE = 3.3
BARGAIN_HUNTER = SEGMENTS[2]
CHECKOUT = next(each for each in EXPERIMENTS if each.name == "one_page_checkout")
SAME = next(each for each in EXPERIMENTS if each.name == "same_page")


@dataclass(frozen=True)
class Shop:
    """A world's events as columns.

    ``orders``: one entry for each session with a purchase; ``planned``: purchases by the clock alone, who and when.
    """

    made: World
    web: Columns
    orders: Columns
    planned: tuple[np.ndarray, np.ndarray]


@cache
def shop(seed: int) -> Shop:
    made = world(seed + 1_000, customers=400, months=4)
    people = made.customers
    days = list(made.days(milliseconds(END)))
    web = concat([day.web for day in days])
    bought = take(web, web["kind"] == PURCHASE)
    clock = PurchaseClock(made.seed, people.registered, people.rate, people.dropout)
    clock.until(to_operational(made.start))
    planned = clock.until(to_operational(milliseconds(END)))
    return Shop(made, web, take(bought, np.unique(bought["session"], return_index=True)[1]), planned)


def in_period(columns: Columns, period) -> np.ndarray:
    return (columns["time"] >= period.begins) & (columns["time"] < (period.ends or milliseconds(END)))


def arm(made: World, experiment: str) -> np.ndarray:
    """Bucket of each customer, by the contract's rule."""
    return np.array([bucket(experiment, customer_id(number)) for number in range(len(made.customers))])


def test_orders_are_those_of_the_clock_until_something_is_planted():
    """Before the first experiment with an effect each customer's orders are exactly the purchases of BG/NBD."""
    for seed in range(5):
        each = shop(seed)
        before = each.made.trials.periods[CHECKOUT.name].begins
        who, when = each.planned
        n = len(each.made.customers)
        planned = np.bincount(who[when < to_operational(before)], minlength=n)
        started = each.orders["time"] < before
        late = np.isin(each.orders["time"] // HOUR, [before // HOUR - 1, before // HOUR])  # sessions that cross midnight
        orders = np.bincount(each.orders["customer"][started & ~late], minlength=n)
        assert planned.sum() > 100
        assert (np.abs(planned - orders) <= np.bincount(each.orders["customer"][late], minlength=n)).all()


def uplift_of(segment) -> float:
    return CHECKOUT.variants[1].uplift.get(segment.name, 0.0)


def test_uplift_is_recovered():
    """Orders beyond the clock's, in the treatment: Poisson about uplift * rate * time; none in the control."""
    missed, found, due = 0, 0.0, 0.0
    for seed in WORLDS:
        each = shop(seed)
        made, period = each.made, each.made.trials.periods[CHECKOUT.name]
        n, treated = len(made.customers), arm(made, CHECKOUT.name) >= BUCKETS // 2
        who, when = each.planned
        begin, end = to_operational(period.begins), to_operational(period.ends)
        clock = np.bincount(who[(when >= begin) & (when < end)], minlength=n)
        extra = np.bincount(each.orders["customer"][in_period(each.orders, period)], minlength=n) - clock
        assert abs(extra[~treated].sum()) <= 3  # sessions that cross an end of the period
        uplift = of_segment(uplift_of, made.customers.segment)
        active = np.minimum(to_operational(made.customers.left), end) - np.maximum(
            to_operational(made.customers.registered), begin
        )
        expected = float((treated * uplift * made.customers.rate * np.maximum(active, 0)).sum())
        got = float(extra[treated].sum())
        missed += abs(got - expected) > NORMAL_975 * expected**0.5
        found, due = found + got, due + expected
    assert nominal(missed, len(WORLDS))
    assert due > 150
    assert abs(found - due) < SURE * due**0.5


def conversion(each: Shop, experiment, treated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the customers of one arm: sessions with something put into the cart in the experiment's time, and with a purchase."""
    made = each.made
    events = take(each.web, in_period(each.web, made.trials.periods[experiment.name]) & treated[each.web["customer"]])
    filled, bought = (take(events, events["kind"] == kind) for kind in (CART, PURCHASE))
    return tuple(
        np.bincount(found["customer"][np.unique(found["session"], return_index=True)[1]], minlength=len(made.customers))[treated]
        for found in (filled, bought)
    )


def ratio(carts: np.ndarray, bought: np.ndarray) -> tuple[float, float]:
    """Purchases for each cart, and the variance of that: customers are the units, their sessions are alike."""
    rate = bought.sum() / carts.sum()
    return rate, float(((bought - rate * carts) ** 2).sum() / carts.sum() ** 2)


def test_an_a_a_experiment_shows_nothing_more_often_than_it_should():
    """Both halves of same_page convert alike, as an analyst would test it."""

    def significant(each: Shop, spoilt: float) -> bool:
        treated = arm(each.made, SAME.name) >= BUCKETS // 2
        (one, its), (other, others) = (ratio(*conversion(each, SAME, half)) for half in (~treated, treated))
        return abs(one - other * spoilt) > NORMAL_975 * (its + others) ** 0.5

    assert nominal(sum(significant(shop(seed), 1.0) for seed in WORLDS), len(WORLDS))
    assert not nominal(sum(significant(shop(seed), 1.3) for seed in WORLDS), len(WORLDS))


def test_an_analyst_finds_the_uplift_of_cart_to_purchase():
    """All worlds together: treated customers convert more, by the planted uplift of the segments that buy."""
    arms, planted = {}, []
    for side in (False, True):
        parts = []
        for each in map(shop, WORLDS):
            chosen = (arm(each.made, CHECKOUT.name) >= BUCKETS // 2) == side
            parts.append(conversion(each, CHECKOUT, chosen))
            uplift = of_segment(uplift_of, each.made.customers.segment[chosen])
            planted += [] if side else np.repeat(uplift, parts[-1][1]).tolist()
        arms[side] = ratio(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    (control, its), (treated, others) = arms[False], arms[True]
    error = (its / control**2 + others / treated**2) ** 0.5
    change = float(np.log(treated / control))
    assert change > 0
    assert abs(change - np.log1p(np.mean(planted))) < SURE * error < 0.2


def test_order_values_in_the_events_are_the_planted_ones():
    """Order value times the customer's spend rate over p is 1 in the mean, with the Gamma's variance 1 / p."""
    missed = 0
    for seed in WORLDS:
        each = shop(seed)
        people = each.made.customers
        lines = take(each.web, each.web["kind"] == PURCHASE)
        price = np.concatenate([catalogue.price for catalogue in each.made.catalogues])
        session, place = np.unique(lines["session"], return_inverse=True)
        value = np.bincount(place, price[lines["product"]] * lines["quantity"]) / 100
        who = each.orders["customer"]
        shape = of_segment(lambda segment: segment.spend.p, people.segment)[who]
        # Products that cost hundreds are few: what big spenders order is rounded to them.
        usual = people.segment[who] < SEGMENTS.index(BARGAIN_HUNTER) + 1
        off = (value * people.spend_rate[who] / shape - 1)[usual]
        assert (session == each.orders["session"]).all()
        missed += abs(off.sum()) > NORMAL_975 * float((1 / shape[usual]).sum()) ** 0.5
    assert nominal(missed, len(WORLDS))


def test_visits_come_by_hour_and_weekday():
    """Each hour's and weekday's share of the sessions lies within its interval at the nominal rate."""
    missed = trials = 0
    for seed in WORLDS:
        start = shop(seed).web["time"][shop(seed).web["kind"] == CODE["landing"]]
        weeks = (start.max() - start.min()) // (7 * DAY)
        start = start[start < start.min() // DAY * DAY + DAY + weeks * 7 * DAY]  # whole weeks, from the second day on
        start = start[start >= start.min() // DAY * DAY + DAY]
        hour, weekday = start // HOUR % 24, (start // DAY + 3) % 7
        for found, shares in ((hour, HOURS / HOURS.sum()), (weekday, WEEKDAYS / WEEKDAYS.sum())):
            count, n = np.bincount(found, minlength=len(shares)), len(found)
            missed += int((np.abs(count - n * shares) > NORMAL_975 * np.sqrt(n * shares * (1 - shares))).sum())
            trials += len(shares)
    assert nominal(missed, trials)


# Shifts and seasons


def shares(each: Shop, period, of: np.ndarray, among: np.ndarray) -> tuple[float, float]:
    """How many ``among`` the events are ``of`` a kind: in a period, and before it."""
    inside, before = in_period(each.web, period), each.web["time"] < period.begins
    return tuple(float(of[among & when].mean()) for when in (inside, before))


def test_prices_rise_from_a_day_on_and_only_there():
    each = shop(0)
    first, second = each.made.catalogues
    names = np.array(list(CATEGORIES))[first.category]
    raised = np.isin(names, PRICE_RISE.subject)
    assert second.price[~raised].tolist() == first.price[~raised].tolist()
    assert second.price[raised] / first.price[raised] == pytest.approx(1 + PRICE_RISE.effect, abs=0.005)
    after = in_period(each.web, each.made.shifts[PRICE_RISE.name])
    shown = each.web["product"] >= 0
    assert (each.web["product"][after & shown] >= len(first)).mean() > 0.99  # a session may cross midnight
    assert (each.web["product"][~after & shown] < len(first)).all()


def test_what_costs_more_goes_into_the_cart_less_often():
    """Products viewed that cost twice the usual price, against those that cost half: by the visitor's price sensitivity."""
    catalogue = shop(0).made.catalogues[0]
    dear, cheap = (np.flatnonzero(np.abs(catalogue.dearness - side) < 0.1) for side in (np.log(2), -np.log(2)))
    for sensitivity in (0.2, 0.5, 1.0):
        ratio_of = (
            catalogue.appeal(dear, np.full(len(dear), sensitivity)).mean()
            / catalogue.appeal(cheap, np.full(len(cheap), sensitivity)).mean()
        )
        assert ratio_of == pytest.approx(4**-sensitivity, rel=0.1)
    rng = generator(1, 104)
    viewed = catalogue.popular(rng, rng.integers(0, len(CATEGORIES), 100_000))
    for sensitivity in (0.0, 0.3, 1.2):
        assert catalogue.appeal(viewed, np.full(len(viewed), sensitivity)).mean() == pytest.approx(1, abs=0.01)


def test_a_campaign_brings_visits_of_one_channel_without_purchases():
    visits = found = planned = 0.0
    for seed in WORLDS:
        each = shop(seed)
        period = each.made.shifts[CAMPAIGN.name]
        landings = each.web["kind"] == CODE["landing"]
        paid = each.web["channel"] == list(CHANNELS).index(CAMPAIGN.subject[0])
        inside, before = shares(each, period, paid, landings)
        visits, found = visits + inside, found + before
        who, when = each.planned
        planned += ((when >= to_operational(period.begins)) & (when < to_operational(period.ends))).sum()
    expected = (found / len(WORLDS) + CAMPAIGN.effect * 0.8) / (1 + CAMPAIGN.effect * 0.8)  # a fifth of the visits are to buy
    assert visits / len(WORLDS) == pytest.approx(expected, rel=0.1)
    assert planned > 100


def test_payments_fail_on_one_device_for_some_days():
    """Purchases for each payment, on the device and on the others; half of them are lost while the bug is there."""
    rates = {(affected, inside): [0, 0] for affected in (True, False) for inside in (True, False)}
    for seed in WORLDS:
        each = shop(seed)
        inside = in_period(each.web, each.made.shifts[CHECKOUT_BUG.name])
        mobile = each.web["device"] == REAL_DEVICES.index(CHECKOUT_BUG.subject[0])
        for (affected, when), counts in rates.items():
            rows = (mobile == affected) & (inside == when)
            buyers = len(np.unique(each.web["session"][rows & (each.web["kind"] == PURCHASE)]))
            payers = len(np.unique(each.web["session"][rows & (each.web["kind"] == CODE["payment"])]))
            counts[0] += buyers
            counts[1] += payers
    share = {place: buyers / payers for place, (buyers, payers) in rates.items()}
    assert share[True, True] == pytest.approx((1 - CHECKOUT_BUG.effect) * share[True, False], abs=0.08)
    assert share[False, True] == pytest.approx(share[False, False], abs=0.05)


def test_customers_look_more_before_their_birthday():
    """Visits without a purchase in the two weeks before, against the others of as many days."""
    near = far = 0.0
    for seed in WORLDS:
        each = shop(seed)
        people = each.made.customers
        landed = take(each.web, (each.web["kind"] == CODE["landing"]) & ~np.isin(each.web["session"], each.orders["session"]))
        ahead = (people.birthday[landed["customer"]] - landed["time"] // DAY) % YEAR
        near += (ahead < BIRTHDAY_DAYS).sum()
        far += ((ahead >= BIRTHDAY_DAYS) & (ahead < 3 * BIRTHDAY_DAYS)).sum() / 2
    error = (1 / near + 0.5 / far) ** 0.5
    assert abs(np.log(near / far) - np.log1p(BIRTHDAY_LIFT)) < SURE * error < 0.4


# Surveys


def test_scores_follow_engagement_and_engagement_falls_before_leaving():
    people = world(7, 12_000, 12).customers
    number = {customer_id(i): i for i in range(len(people))}
    rows = list(survey_rows(people, milliseconds(END)))
    assert len({row[0] for row in rows}) == len(rows) > 1_000
    who = np.array([number[row[1]] for row in rows])
    at = np.array([milliseconds(row[2]) for row in rows])
    score = np.array([row[3] for row in rows])
    assert set(score.tolist()) <= set(range(11)) and (at <= milliseconds(END)).all() and (at >= people.registered[who]).all()
    engaged = engagement(replace(people, left=people.left[who], registered=people.registered[who]), at)
    middle = (engaged > 0.3) & (engaged < 0.9)  # where the scale does not cut off
    slope, base = np.polyfit(engaged[middle], score[middle], 1)
    spread = np.std(score[middle] - base - slope * engaged[middle])
    error = spread / (np.std(engaged[middle]) * middle.sum() ** 0.5)
    assert abs(slope - SLOPE) < SURE * error < 0.4 * SLOPE
    to_go = (people.left[who] - at) / DAY
    leaving = (to_go > 0) & (to_go < 30)
    assert score[leaving].mean() < score[to_go > 90].mean() - 2


def test_a_survey_is_the_same_whenever_it_is_asked_for():
    people = world(7, 300, 6).customers
    later = list(survey_rows(people, milliseconds(END)))
    earlier = list(survey_rows(people, milliseconds(END) - 60 * DAY))
    assert 0 < len(earlier) < len(later)
    assert [row for row in later if milliseconds(row[2]) <= milliseconds(END) - 60 * DAY] == earlier
    assert {len(row) for row in later} == {len(SURVEYS.columns)}
