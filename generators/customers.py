"""Customers with latent parameters, and the clock of their purchases."""

from dataclasses import dataclass

import numpy as np

from contracts.events import DEVICES
from generators.catalogue import CATEGORIES
from generators.chance import generator, uniform
from generators.clock import DAY, to_operational, to_real
from generators.segments import CHANNELS, COUNTRIES, SEGMENTS

# Accounts opened before the simulated window, and over how many days.
EARLIER_SHARE = 0.4
EARLIER_DAYS = 540
# Two purchases of a customer lie so far apart at least, in operational days: sessions of a customer must not touch.
PURCHASE_GAP = 0.25
HORIZON_DAYS = 3_650
# Customers of a segment differ in price sensitivity: Gamma with this shape about the segment's mean.
SENSITIVITY_SHAPE = 4.0
_INTERVAL, _DROPOUT = 1, 2

REAL_DEVICES = tuple(device for device in DEVICES if device != "unknown")


@dataclass(frozen=True)
class Customers:
    """One entry each. Codes index SEGMENTS, REAL_DEVICES, COUNTRIES, CHANNELS and CATEGORIES.

    ``rate``: purchases a day. ``dropout``: probability of leaving after a purchase. ``spend_rate``: the v of Gamma-Gamma,
    per unit of currency. ``sensitivity``: price elasticity. ``birthday``: days after the first of January. ``registered`` and
    ``left``: milliseconds; ``left`` is the last purchase, or beyond the horizon.
    """

    seed: int
    segment: np.ndarray
    registered: np.ndarray
    rate: np.ndarray
    dropout: np.ndarray
    spend_rate: np.ndarray
    sensitivity: np.ndarray
    birthday: np.ndarray
    device: np.ndarray
    country: np.ndarray
    channel: np.ndarray
    favourite: np.ndarray
    left: np.ndarray

    def __len__(self) -> int:
        return len(self.segment)


def customer_id(number: int) -> str:
    return f"c{number + 1:07d}"


def _choice(rng: np.random.Generator, shares: np.ndarray, n: int) -> np.ndarray:
    cumulative = np.cumsum(shares)
    return np.minimum(np.searchsorted(cumulative / cumulative[-1], rng.random(n)), len(shares) - 1)


def of_segment(attribute, segment: np.ndarray) -> np.ndarray:
    """A segment's parameter for each customer; ``attribute`` picks it."""
    return np.array([attribute(each) for each in SEGMENTS])[segment]


def make_customers(seed: int, count: int, start: int, end: int) -> Customers:
    """Customers of a world whose simulated window is planned as [start, end), in milliseconds."""
    rng = generator(seed, 2)
    segment = _choice(rng, np.array([each.share for each in SEGMENTS]), count)
    earlier = rng.random(count) < EARLIER_SHARE
    position = rng.random(count)
    registered = np.where(earlier, start - position * EARLIER_DAYS * DAY, start + position * (end - start))
    device = np.array([_choice(rng, np.array(each.devices), count) for each in SEGMENTS])[segment, np.arange(count)]
    values = {
        "registered": to_real(to_operational(registered.astype(np.int64))),
        "rate": rng.gamma(of_segment(lambda s: s.purchase_rate.shape, segment))
        / of_segment(lambda s: s.purchase_rate.rate, segment),
        "dropout": rng.beta(of_segment(lambda s: s.dropout.a, segment), of_segment(lambda s: s.dropout.b, segment)),
        "spend_rate": rng.gamma(of_segment(lambda s: s.spend.q, segment)) / of_segment(lambda s: s.spend.scale, segment),
    }
    return Customers(
        seed=seed,
        segment=segment,
        device=device,
        country=_choice(rng, np.array(list(COUNTRIES.values())), count),
        channel=_choice(rng, np.array(list(CHANNELS.values())), count),
        favourite=rng.integers(0, len(CATEGORIES), count),
        left=_leaving(seed, values["registered"], values["rate"], values["dropout"]),
        sensitivity=rng.gamma(SENSITIVITY_SHAPE, size=count) / SENSITIVITY_SHAPE * of_segment(lambda s: s.sensitivity, segment),
        birthday=rng.integers(0, 365, count),
        **values,
    )


class PurchaseClock:
    """When each customer buys: BG/NBD from the moment of registration. Holds one number a customer, not the purchases."""

    def __init__(self, seed: int, registered: np.ndarray, rate: np.ndarray, dropout: np.ndarray) -> None:
        self._seed, self._rate, self._dropout = seed, rate, dropout
        self._count = np.zeros(len(rate), dtype=np.int64)
        self.next = to_operational(registered) + self._interval(np.arange(len(rate)))

    def _interval(self, rows: np.ndarray) -> np.ndarray:
        exponential = -np.log(uniform(self._seed, _INTERVAL, rows, self._count[rows])) / self._rate[rows]
        return np.maximum(exponential, PURCHASE_GAP)

    def step(self, until: float) -> tuple[np.ndarray, np.ndarray]:
        """One purchase of each customer who has one due before ``until`` (operational days): who, and when. Call until empty."""
        rows = np.flatnonzero(self.next < until)
        when = self.next[rows]
        stays = uniform(self._seed, _DROPOUT, rows, self._count[rows]) >= self._dropout[rows]
        self._count[rows] += 1
        self.next[rows] = np.where(stays, when + self._interval(rows), np.inf)
        return rows, when

    def until(self, until: float) -> tuple[np.ndarray, np.ndarray]:
        """All purchases due before ``until``: who, and when in operational days."""
        who, when = [], []
        while True:
            rows, moments = self.step(until)
            if not len(rows):
                break
            who.append(rows)
            when.append(moments)
        return (np.concatenate(who), np.concatenate(when)) if who else (np.empty(0, np.int64), np.empty(0))


def _leaving(seed: int, registered: np.ndarray, rate: np.ndarray, dropout: np.ndarray) -> np.ndarray:
    """The last purchase of each customer, in milliseconds; the horizon for who is still there."""
    clock = PurchaseClock(seed, registered, rate, dropout)
    horizon = to_operational(registered.max(initial=0)) + HORIZON_DAYS
    left = np.full(len(rate), horizon)
    while True:
        rows, when = clock.step(horizon)
        if not len(rows):
            return to_real(left)
        gone = np.isinf(clock.next[rows])
        left[rows[gone]] = when[gone]
