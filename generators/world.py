"""The shop's year, day by day: events of all customers in event-time order, in memory bounded by what one day and the open
orders need."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from generators.agenda import Agenda
from generators.catalogue import make_catalogue
from generators.chance import generator
from generators.clock import DAY, to_operational, to_real
from generators.columns import Columns, length, run_starts, take
from generators.customers import Customers, PurchaseClock, make_customers, of_segment
from generators.orders import states
from generators.segments import CHANNELS
from generators.sessions import SPACING, Visits, order_values, simulate

# Interest falls before a customer leaves, and fades after.
TAPER_DAYS, TAPERED = 45, 0.35
FADE_DAYS, FORGOTTEN_DAYS = 20, 120
OWN_DEVICE, OWN_CHANNEL = 0.8, 0.5
# Numbers of sessions and events: the day (or block) above, the count within it below.
BLOCK = 1 << 32


@dataclass(frozen=True)
class Events:
    """Events in event-time order, as columns."""

    web: Columns
    purchases: Columns


class World:
    """Deterministic in (seed, customers, start, end). ``end`` is the planned end of registrations, not a limit of time."""

    def __init__(self, seed: int, customers: int, start: int, end: int) -> None:
        self.seed, self.start = seed, start
        self.catalogue = make_catalogue(seed)
        self.customers: Customers = make_customers(seed, customers, start, end)

    def days(self, until: int, since: int | None = None) -> Iterator[Events]:
        """Events later than ``since`` (from the start, where not given), up to ``until``; in milliseconds."""
        people = self.customers
        clock = PurchaseClock(self.seed, people.registered, people.rate, people.dropout)
        clock.until(to_operational(self.start))
        last = np.full(len(people), -SPACING)  # start of each customer's newest session
        web_agenda, order_agenda = Agenda(DAY), Agenda(DAY)
        first = self.start // DAY
        for day in range(first, until // DAY + 1):
            rng = generator(self.seed, 3, day)
            begin, end = max(self.start, day * DAY), (day + 1) * DAY
            visits = self._visits(rng, clock, last, begin, end, (day - first) * BLOCK)
            web, lines = simulate(rng, self.catalogue, visits)
            web["number"] = np.arange(length(web)) + (day - first) * BLOCK
            web_agenda.add(web)
            order_agenda.add(states(rng, lines))
            ready, changed = web_agenda.pop(day), order_agenda.pop(day)
            if since is None or end > since:
                yield Events(_between(ready, since, until), _between(changed, since, until))

    def _visits(
        self, rng: np.random.Generator, clock: PurchaseClock, last: np.ndarray, begin: int, end: int, number: int
    ) -> Visits:
        """The sessions that start in [begin, end). A session near another of the same customer, or near a purchase, does not
        take place."""
        buyer, when = clock.until(to_operational(end))
        bought = to_real(when)
        looker, looked = self._lookers(rng, begin, end)
        who = np.concatenate([buyer, looker])
        start = np.concatenate([bought, looked])
        buys = np.arange(len(who)) < len(buyer)
        ahead = to_real(np.minimum(clock.next, 1e6))
        order = np.lexsort((start, who))
        who, start, buys = who[order], start[order], buys[order]
        keep = _apart(who, start, buys, last, ahead)
        who, start, buys = who[keep], start[keep], buys[keep]
        last[who] = start  # ordered by start within a customer: the newest stays
        return self._visit(rng, who, start, buys, number)

    def _visit(self, rng: np.random.Generator, who: np.ndarray, start: np.ndarray, buys: np.ndarray, number: int) -> Visits:
        people, n = self.customers, len(who)
        segment = people.segment[who]
        other = rng.integers(0, 3, n), rng.integers(0, len(CHANNELS), n)
        return Visits(
            customer=who,
            segment=segment,
            device=np.where(rng.random(n) < OWN_DEVICE, people.device[who], other[0]),
            country=people.country[who],
            channel=np.where(rng.random(n) < OWN_CHANNEL, people.channel[who], other[1]),
            favourite=people.favourite[who],
            start=start,
            number=np.arange(n) + number,
            buys=buys,
            order_value=order_values(rng, segment, people.spend_rate[who]),
        )

    def _lookers(self, rng: np.random.Generator, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Sessions without a purchase: who, and when."""
        low, high = to_operational(begin), to_operational(end)
        count = rng.poisson(self.interest(begin) * (high - low))
        who = np.repeat(np.arange(len(count)), count)
        return who, to_real(rng.uniform(low, high, len(who)))

    def interest(self, now: int) -> np.ndarray:
        """Sessions without a purchase, a day, of each customer at this time."""
        people = self.customers
        to_go = (people.left - now) / DAY
        staying = TAPERED + (1 - TAPERED) * np.clip(to_go / TAPER_DAYS, 0, 1)
        gone = np.where(-to_go < FORGOTTEN_DAYS, TAPERED * np.exp(np.minimum(to_go, 0) / FADE_DAYS), 0)
        engaged = np.where(to_go > 0, staying, gone) * (people.registered <= now)
        return of_segment(lambda s: s.browsing, people.segment) * engaged


def _apart(who: np.ndarray, start: np.ndarray, buys: np.ndarray, last: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Which of the sessions, ordered by customer and start, take place: purchases always, others SPACING from every neighbour."""
    first = run_starts(who)
    before = np.where(first, last[who], np.roll(start, 1))
    after = np.where(np.roll(first, -1), ahead[who], np.roll(start, -1))
    return buys | ((start - before >= SPACING) & (after - start >= SPACING))


def _between(events: Columns, since: int | None, until: int) -> Columns:
    """Later than ``since``, up to ``until``."""
    return take(events, (events["time"] > (0 if since is None else since)) & (events["time"] <= until))
