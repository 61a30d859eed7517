"""Sessions with their products and times, and the order lines that come out of them."""

from dataclasses import dataclass

import numpy as np

from generators.catalogue import Catalogue
from generators.clock import MINUTE, SECOND
from generators.columns import Columns, place_in_run, run_starts
from generators.customers import of_segment
from generators.funnel import CART, LONGEST, PURCHASE, REMOVE, Intent, Walk, walk

# Nobody pauses longer within a session, and none lasts longer: so sessions of a customer that start
# SPACING apart are told apart by 30 minutes of inactivity.
LONGEST_PAUSE = 8 * MINUTE
LONGEST_SESSION = 80 * MINUTE
SPACING = 120 * MINUTE
PAUSE_MEDIAN, PAUSE_SPREAD = 18 * SECOND, 1.0

QUANTITIES = np.array([0.86, 0.97])  # cumulative: one, two, else three
MOST_UNITS = len(QUANTITIES) + 1
DISCOUNTS = np.array([0.05, 0.10, 0.15, 0.20, 0.30])


@dataclass(frozen=True)
class Visits:
    """Sessions to come, one entry each. ``customer``: number of a customer, below zero a guest's. ``number``: of the session.

    ``order_value``: what a buyer means to spend, in cents. ``pace``: below 1 the pauses are shorter.
    """

    customer: np.ndarray
    intent: Intent
    sensitivity: np.ndarray
    country: np.ndarray
    channel: np.ndarray
    favourite: np.ndarray
    start: np.ndarray
    number: np.ndarray
    order_value: np.ndarray
    pace: float = 1.0

    def __len__(self) -> int:
        return len(self.customer)


def order_values(rng: np.random.Generator, segment: np.ndarray, spend_rate: np.ndarray) -> np.ndarray:
    """Gamma-Gamma: the value of one order each, in cents."""
    return rng.gamma(of_segment(lambda s: s.spend.p, segment)) / spend_rate * 100


def simulate(rng: np.random.Generator, catalogue: Catalogue, visits: Visits) -> tuple[Columns, Columns]:
    """Web events (by session, then time) and order lines. Money in cents; ``product`` -1, ``quantity`` 0 where there is none."""
    product = np.zeros((len(visits), LONGEST), dtype=np.int64)

    def show(sessions: np.ndarray, slots: np.ndarray) -> np.ndarray:
        product[sessions, slots] = shown = catalogue.popular(rng, visits.favourite[sessions])
        return catalogue.appeal(shown, visits.sensitivity[sessions])

    steps = walk(rng, visits.intent, show)
    session, kind, slot = steps.session, steps.kind, steps.slot
    quantity = _buy(rng, catalogue, visits, steps, product)
    time = _times(rng, visits, session, kind)
    shown = slot >= 0
    ordered = (kind == CART) | (kind == REMOVE) | (kind == PURCHASE)
    seen = np.maximum(slot, 0)
    web = {
        "time": time,
        "kind": kind,
        "customer": visits.customer[session],
        "session": visits.number[session],
        "product": np.where(shown, catalogue.offset + product[session, seen], -1),
        "quantity": np.where(ordered, quantity[session, seen], 0),
        "device": visits.intent.device[session],
        "country": visits.country[session],
        "channel": visits.channel[session],
    }
    return web, _lines(rng, catalogue, visits, session, web)


def _buy(rng: np.random.Generator, catalogue: Catalogue, visits: Visits, steps: Walk, product: np.ndarray) -> np.ndarray:
    """Quantity of each slot of each session. What is bought is replaced, so that the order nearly adds up to its value."""
    slots = int(steps.slot.max(initial=0)) + 1
    quantity = 1 + np.searchsorted(QUANTITIES, rng.random((len(visits), slots)))
    bought = steps.kind == PURCHASE
    who, what = steps.session[bought], steps.slot[bought]
    share = rng.gamma(3.0, size=len(who))
    total = np.bincount(who, weights=share, minlength=len(visits))
    target = visits.order_value[who] * share / total[who] / quantity[who, what]
    product[who, what] = catalogue.priced(rng, target)
    return quantity


def _times(rng: np.random.Generator, visits: Visits, session: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Strictly increasing within a session; the lines of an order lie milliseconds apart."""
    pause = np.minimum(PAUSE_MEDIAN * np.exp(PAUSE_SPREAD * rng.standard_normal(len(session))), LONGEST_PAUSE) * visits.pace
    first = run_starts(session)
    along = (kind == PURCHASE) & ~first & ~run_starts(kind)
    pause[first] = 0
    pause[along] = 1
    length = np.bincount(session, weights=pause, minlength=len(visits))
    squeeze = np.minimum(1.0, LONGEST_SESSION / np.maximum(length, 1.0))
    pause = np.where(first, 0, np.maximum(1, pause * squeeze[session])).astype(np.int64)
    passed = np.cumsum(pause)
    return visits.start[session] + passed - passed[first][np.cumsum(first) - 1]


def _lines(rng: np.random.Generator, catalogue: Catalogue, visits: Visits, session: np.ndarray, web: Columns) -> Columns:
    """One entry for each purchase event: the lines of orders, as placed."""
    rows = np.flatnonzero(web["kind"] == PURCHASE)
    segment = visits.intent.segment[session[rows]]
    amount = catalogue.price[web["product"][rows] - catalogue.offset] * web["quantity"][rows]
    reduced = rng.random(len(rows)) < of_segment(lambda s: s.discounts, segment)
    discount = np.where(reduced, np.round(amount * rng.choice(DISCOUNTS, len(rows))), 0).astype(np.int64)
    copied = ("time", "customer", "session", "product", "quantity", "device", "country", "channel")
    return {
        **{name: web[name][rows] for name in copied},
        "line": place_in_run(run_starts(session[rows])),
        "segment": segment,
        "amount": amount,
        "discount": discount,
    }
