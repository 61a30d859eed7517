"""The shop's year, day by day: events of all customers in event-time order, in memory bounded by what one day and the open
orders need."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from generators.agenda import Agenda
from generators.catalogue import Catalogue, make_catalogue
from generators.chance import generator
from generators.clock import DAY, to_operational, to_real
from generators.columns import Columns, length, run_starts, take
from generators.customers import REAL_DEVICES, Customers, PurchaseClock, make_customers, of_segment
from generators.experiments import Trials
from generators.funnel import Intent, cart_chance
from generators.orders import states
from generators.segments import CHANNELS
from generators.sessions import SPACING, Visits, order_values, simulate
from generators.shifts import CAMPAIGN, CHECKOUT_BUG, PRICE_RISE, SHIFTS

# How long before leaving interest falls, and to what; how fast it fades after.
TAPER_DAYS, TAPERED = 45, 0.35
FADE_DAYS, FORGOTTEN_DAYS = 20, 120
OWN_DEVICE, OWN_CHANNEL = 0.8, 0.5
# So many more visits in the days before a birthday.
BIRTHDAY_DAYS, BIRTHDAY_LIFT = 14, 0.6
YEAR = 365.25
BROUGHT = list(CHANNELS).index(CAMPAIGN.subject[0])
AFFECTED = [REAL_DEVICES.index(device) for device in CHECKOUT_BUG.subject]
# Numbers of sessions and events: the day (or block) above, the count within it below.
BLOCK = 1 << 32


@dataclass(frozen=True)
class Events:
    """Events of a day in event-time order, as columns. ``reached``: they are all up to here, in milliseconds."""

    web: Columns
    purchases: Columns
    reached: int


class World:
    """Deterministic in (seed, customers, start, end). ``end`` is the planned end of registrations, not a limit of time."""

    def __init__(self, seed: int, customers: int, start: int, end: int) -> None:
        self.seed, self.start = seed, start
        first = make_catalogue(seed)
        self.catalogues = (first, first.raised(PRICE_RISE.subject, 1 + PRICE_RISE.effect))
        self.customers: Customers = make_customers(seed, customers, start, end)
        self.trials = Trials(self.customers, start, end)
        self.shifts = {shift.name: shift.span.within(start, end) for shift in SHIFTS}

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
            web, lines = simulate(rng, self.catalogue(begin), visits)
            web["number"] = np.arange(length(web)) + (day - first) * BLOCK
            web_agenda.add(web)
            order_agenda.add(states(rng, lines))
            ready, changed = web_agenda.pop(day), order_agenda.pop(day)
            if since is None or end > since:
                yield Events(_between(ready, since, until), _between(changed, since, until), min(end - 1, until))

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
        return self._visit(rng, who, start, buys, begin, number)

    def _visit(
        self, rng: np.random.Generator, who: np.ndarray, start: np.ndarray, buys: np.ndarray, now: int, number: int
    ) -> Visits:
        people, n = self.customers, len(who)
        segment = people.segment[who]
        other = rng.integers(0, len(REAL_DEVICES), n), rng.integers(0, len(CHANNELS), n)
        device = np.where(rng.random(n) < OWN_DEVICE, people.device[who], other[0])
        channel = np.where(rng.random(n) < OWN_CHANNEL, people.channel[who], other[1])
        brought = ~buys & (rng.random(n) < 1 - 1 / (1 + self.campaign(now)))
        return Visits(
            customer=who,
            intent=self.intent(rng, buys, segment, device, self.persuasion(now)[who], now),
            sensitivity=people.sensitivity[who],
            country=people.country[who],
            channel=np.where(brought, BROUGHT, channel),
            favourite=people.favourite[who],
            start=start,
            number=np.arange(n) + number,
            order_value=order_values(rng, segment, people.spend_rate[who]),
        )

    def _lookers(self, rng: np.random.Generator, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Sessions without a purchase: who, and when."""
        low, high = to_operational(begin), to_operational(end)
        count = rng.poisson(self.interest(begin) * (high - low))
        who = np.repeat(np.arange(len(count)), count)
        return who, to_real(rng.uniform(low, high, len(who)))

    def catalogue(self, now: int) -> Catalogue:
        """The price list of this time."""
        return self.catalogues[now in self.shifts[PRICE_RISE.name]]

    def campaign(self, now: int) -> float:
        """So many more visits does a campaign bring."""
        return CAMPAIGN.effect if now in self.shifts[CAMPAIGN.name] else 0.0

    def interest(self, now: int) -> np.ndarray:
        """Sessions without a purchase, a day, of each customer at this time."""
        people = self.customers
        birthday = (people.birthday - now / DAY) % YEAR < BIRTHDAY_DAYS
        eager = np.where(birthday, 1 + BIRTHDAY_LIFT, 1.0) * (1 + self.campaign(now))
        return of_segment(lambda s: s.browsing, people.segment) * eager * engagement(people, now)

    def persuasion(self, now: int) -> np.ndarray:
        """Purchases that experiments add, for each session without a purchase; of each customer at this time."""
        people = self.customers
        uplift = self.trials.uplift(now)
        if uplift is None:
            return np.zeros(len(people))
        active = (people.registered <= now) & (people.left > now)
        return np.divide(uplift * people.rate, self.interest(now), out=np.zeros(len(people)), where=active)

    def intent(
        self,
        rng: np.random.Generator,
        buys: np.ndarray,
        segment: np.ndarray,
        device: np.ndarray,
        persuasion: np.ndarray,
        now: int,
    ) -> Intent:
        """What sessions at this time are about, one entry each; ``persuasion``: of who comes to look."""
        fails = np.zeros(len(buys), dtype=bool)
        if now in self.shifts[CHECKOUT_BUG.name]:
            fails = np.isin(device, AFFECTED) & (rng.random(len(buys)) < CHECKOUT_BUG.effect)
        return Intent(buys, persuasion / cart_chance()[segment, device], fails, segment, device)


def engagement(people: Customers, now: int | np.ndarray) -> np.ndarray:
    """Of each customer, 1 at most: interest falls before a customer leaves, and fades after."""
    to_go = (people.left - now) / DAY
    staying = TAPERED + (1 - TAPERED) * np.clip(to_go / TAPER_DAYS, 0, 1)
    gone = np.where(-to_go < FORGOTTEN_DAYS, TAPERED * np.exp(np.minimum(to_go, 0) / FADE_DAYS), 0)
    return np.where(to_go > 0, staying, gone) * (people.registered <= now)


def _apart(who: np.ndarray, start: np.ndarray, buys: np.ndarray, last: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Which of the sessions, ordered by customer and start, take place: purchases always, others SPACING from every neighbour."""
    first = run_starts(who)
    before = np.where(first, last[who], np.roll(start, 1))
    after = np.where(np.roll(first, -1), ahead[who], np.roll(start, -1))
    return buys | ((start - before >= SPACING) & (after - start >= SPACING))


def _between(events: Columns, since: int | None, until: int) -> Columns:
    """Later than ``since``, up to ``until``."""
    return take(events, (events["time"] > (0 if since is None else since)) & (events["time"] <= until))
