"""Names and meanings of segments, from profiles made by hand."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.ml import DISCOUNT_SHARE, ORDER_VALUE, ORDERS, RECENCY, RETURN_RATE, REVENUE, SEGMENT_FEATURES, SESSIONS_90D
from spark_ml.naming import ORDINARY, WORDS, Profile, meaning, names


def profile(segment: int, position: dict[str, float] | None = None, orders: float = 4) -> Profile:
    values = {feature.name: 10.0 for feature in SEGMENT_FEATURES} | {ORDERS.name: orders}
    return Profile(segment, 100, 0.25, 1000.0, 0.25, mean=values, median=values, position=position or {})


def name(position: dict[str, float] | None = None, orders: float = 4) -> str:
    return names([profile(1, position, orders)])[1]


def test_every_feature_has_words():
    assert set(WORDS) == {feature.name for feature in SEGMENT_FEATURES}


def test_each_kind_of_customer_has_its_name():
    assert name({ORDERS.name: 1.2, REVENUE.name: 1.5, RECENCY.name: -0.8}) == "Champions"
    assert name({ORDERS.name: 1.2, REVENUE.name: 1.5, RECENCY.name: 1.1}) == "At risk"
    assert name({DISCOUNT_SHARE.name: 1.9}) == "Bargain hunters"
    assert name({RETURN_RATE.name: 2.0}) == "Frequent returners"
    assert name({ORDER_VALUE.name: 1.0}) == "Big spenders"
    assert name({ORDERS.name: 0.4}) == "Loyal"
    assert name({RECENCY.name: 1.2}, orders=1) == "One-time, lapsed"
    assert name({RECENCY.name: -1.0}, orders=1) == "Newcomers"
    assert name(orders=1) == "One-time"
    assert name({RECENCY.name: 1.0, ORDERS.name: -0.5, REVENUE.name: -0.5}) == "Lost"
    assert name({SESSIONS_90D.name: 1.0, ORDERS.name: -0.4}) == "Window shoppers"
    assert name() == ORDINARY


def test_the_segment_with_more_revenue_chooses_first_and_its_twin_is_told_apart():
    strong = {ORDERS.name: 1.2, REVENUE.name: 1.5, RECENCY.name: -0.1, DISCOUNT_SHARE.name: -0.4}
    given_names = names(
        [profile(2, strong | {RECENCY.name: 0.9}), profile(1, strong | {RECENCY.name: 1.0, RETURN_RATE.name: 0.6})]
    )
    assert given_names == {1: "At risk", 2: "At risk, keeps purchases"}


def test_who_had_a_name_keeps_it_before_who_earns_more():
    strong = {ORDERS.name: 1.2, REVENUE.name: 1.5, RECENCY.name: -0.1}
    twins = [profile(3, strong | {RETURN_RATE.name: 0.6}), profile(8, strong)]
    assert names(twins, {8: "Champions", 3: "Lost"}) == {8: "Champions", 3: "Loyal"}
    at_risk = {ORDERS.name: -0.1, REVENUE.name: 0.1, RECENCY.name: 1.0}
    twins = [profile(3, at_risk | {RETURN_RATE.name: 0.6}), profile(8, at_risk | {DISCOUNT_SHARE.name: -0.4})]
    assert names(twins) == {3: "At risk", 8: "At risk, keeps purchases"}
    assert names(twins, {3: "At risk", 8: "At risk, pays full price"})[8] == "At risk, pays full price"
    assert names(twins, {3: "At risk", 8: "At risk, returns often"})[8] == "At risk, keeps purchases", "no longer true"


@given(
    st.lists(st.lists(st.floats(-3, 3), min_size=len(SEGMENT_FEATURES), max_size=len(SEGMENT_FEATURES)), min_size=1, max_size=12)
)
def test_names_are_unique_and_the_same_in_any_order(centres: list[list[float]]):
    columns = [feature.name for feature in SEGMENT_FEATURES]
    profiles = [profile(number, dict(zip(columns, centre, strict=True))) for number, centre in enumerate(centres, start=1)]
    given_names = names(profiles)
    assert len(set(given_names.values())) == len(profiles)
    assert names(profiles[::-1]) == given_names


def test_as_many_equal_segments_as_there_may_be_have_names():
    assert len(set(names([profile(number) for number in range(1, 13)]).values())) == 12


def test_meaning_says_what_stands_out():
    text = meaning(profile(1, {RECENCY.name: 1.4, DISCOUNT_SHARE.name: -0.6, RETURN_RATE.name: 0.2}, orders=1))
    assert text == (
        "Half bought within the last 10 days; typically 1 order and 10 EUR net, 10 EUR an order. Long away, pays full price."
    )
    assert meaning(profile(1)).endswith("Close to the average customer.")
