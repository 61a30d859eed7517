"""A stream at a steady rate whose events happen now: sessions of the remembered customers, and of guests where those are too few.

The simulator gives the order of events, in blocks of its own time; the wall clock gives their moments. So the rate is exact from
the first second, and a session's events keep their order.
"""

import itertools

import numpy as np

from contracts.topics import PURCHASES, WEB, Stream
from generators.agenda import Agenda
from generators.catalogue import CATEGORIES
from generators.chance import generator
from generators.clock import MINUTE, SECOND
from generators.columns import Columns, length, take
from generators.customers import REAL_DEVICES, of_segment
from generators.funnel import LONGEST
from generators.orders import states
from generators.segments import CHANNELS, COUNTRIES, SEGMENTS
from generators.sessions import Visits, order_values, simulate
from generators.world import BLOCK, World

# Live sessions are brisk, so that a stream of a minute shows whole ones; the warehouse ships within minutes.
SESSION_PACE = 0.2
ORDER_PACE = 0.001
# A customer comes back after so long: the longest session, and what tells two sessions apart.
REST = 60 * MINUTE
# Sessions a day below which a customer does not come.
ENGAGED = 0.01
GUESTS_BUY = 0.1
# Events that a session brings, about: sets how many sessions start, not the rate.
EVENTS_PER_SESSION = 8
# The simulator's own rate of events a second where the wanted one is higher or none. Sessions in a block: a tenth of a second's
# events, within these bounds; larger blocks cost less for each event, smaller ones come sooner.
FASTEST = 2_000.0
BLOCK_SESSIONS = 100
LARGE_BLOCK_SESSIONS = 4_000


class Crowd:
    """Who comes: customers at rest, more often the more engaged; guests for the rest."""

    def __init__(self, world: World, now: int) -> None:
        people = self._people = world.customers
        looks = world.interest(now)
        buys = np.where((people.left > now) & (people.registered <= now), people.rate, 0)
        self._world = world
        self._weight = np.where(looks + buys >= ENGAGED, looks + buys, 0)
        self._buying = buys / np.maximum(looks + buys, 1e-9)
        self._persuasion = world.persuasion(now)
        self._rested = np.full(len(people), now)
        self._guests = 0

    def visits(self, rng: np.random.Generator, start: np.ndarray, number: int, now: int, only_buyers: bool) -> Visits:
        """A session for each start, numbered from ``number``. ``now``: the wall clock, for who is at rest."""
        n = len(start)
        known = self._customers(rng, n, now)
        strangers = -1 - self._guests - np.arange(n - len(known))
        self._guests += len(strangers)
        customer = rng.permutation(np.concatenate([known, strangers]))
        people, guest, who = self._people, customer < 0, np.maximum(customer, 0)
        segment = np.where(guest, rng.choice(len(SEGMENTS), n, p=[each.share for each in SEGMENTS]), people.segment[who])
        device = np.where(guest, rng.integers(0, len(REAL_DEVICES), n), people.device[who])
        buys = only_buyers | (rng.random(n) < np.where(guest, GUESTS_BUY, self._buying[who]))
        usual = of_segment(lambda s: s.spend.q / s.spend.scale, segment)
        return Visits(
            customer=customer,
            intent=self._world.intent(rng, buys, segment, device, np.where(guest, 0.0, self._persuasion[who]), now),
            sensitivity=np.where(guest, of_segment(lambda s: s.sensitivity, segment), people.sensitivity[who]),
            country=np.where(guest, rng.integers(0, len(COUNTRIES), n), people.country[who]),
            channel=rng.integers(0, len(CHANNELS), n),
            favourite=np.where(guest, rng.integers(0, len(CATEGORIES), n), people.favourite[who]),
            start=start,
            number=np.arange(n) + number,
            order_value=order_values(rng, segment, np.where(guest, usual, people.spend_rate[who])),
            pace=SESSION_PACE,
        )

    def _customers(self, rng: np.random.Generator, n: int, now: int) -> np.ndarray:
        """Up to n customers at rest, drawn without replacement by weight."""
        free = np.flatnonzero((self._weight > 0) & (self._rested <= now))
        race = rng.exponential(size=len(free)) / self._weight[free]
        chosen = free[np.argsort(race)[:n]]
        self._rested[chosen] = now + REST
        return chosen


class Stage:
    """Endless events of the wanted streams in the simulator's order; ``next`` takes so many and dates them."""

    def __init__(self, world: World, seed: int, streams: tuple[Stream, ...], rate: float | None, now: int) -> None:
        self._world, self._seed, self._streams = world, seed, streams
        self._crowd = Crowd(world, now)
        starts = max(min(rate or FASTEST, FASTEST) / EVENTS_PER_SESSION, 0.01)  # sessions a second of the simulator's time
        sessions = min(max(BLOCK_SESSIONS, rate / 10), LARGE_BLOCK_SESSIONS) if rate else LARGE_BLOCK_SESSIONS
        self._reach = int(max(sessions / starts, 1.0) * SECOND)
        self._per_block = starts * self._reach / SECOND
        self._block = 0
        self._agendas = {stream: Agenda(self._reach) for stream in streams}
        self._ready: dict[Stream, Columns] = {}
        self._order = np.empty(0, dtype=np.int64)  # of the ready events: index into web, then purchases
        self._taken = 0
        self._placed: dict[int, int] = {}

    def next(self, count: int, begin: int, end: int) -> dict[Stream, Columns]:
        """Up to ``count`` events, dated evenly over (begin, end], in milliseconds of the wall clock."""
        while self._taken >= len(self._order):
            self._fill(end)
        order = self._order[self._taken : self._taken + count]
        self._taken += len(order)
        moments = begin + (np.arange(1, len(order) + 1) * (end - begin)) // len(order)
        result, offset = {}, 0
        for stream in self._streams:
            ready = self._ready[stream]
            mine = (order >= offset) & (order < offset + length(ready))
            events = take(ready, order[mine] - offset)
            events["time"] = moments[mine]
            result[stream] = self._dated(events) if stream is PURCHASES else events
            offset += length(ready)
        return result

    def _fill(self, now: int) -> None:
        """One more block of sessions; what happens within the block is ready."""
        rng = generator(self._seed, 6, self._block)
        start = self._block * self._reach + np.sort(rng.integers(0, self._reach, rng.poisson(self._per_block)))
        visits = self._crowd.visits(rng, start, self._block * BLOCK, now, only_buyers=WEB not in self._streams)
        web, lines = simulate(rng, self._world.catalogue(now), visits)
        web["number"] = np.arange(length(web)) + self._block * BLOCK
        made = {WEB: web, PURCHASES: states(rng, lines, ORDER_PACE)}
        for stream in self._streams:
            self._agendas[stream].add(made[stream])
            self._ready[stream] = self._agendas[stream].pop(self._block)
        self._order = np.argsort(np.concatenate([self._ready[stream]["time"] for stream in self._streams]), kind="stable")
        self._taken = 0
        self._block += 1

    def _dated(self, events: Columns) -> Columns:
        """``placed`` by the wall clock too: remembered from the first state of a purchase to its last."""
        keys = (events["session"] * LONGEST + events["line"]).tolist()
        placed = list(map(self._placed.setdefault, keys, events["time"].tolist()))
        for key in itertools.compress(keys, events["last"].tolist()):
            del self._placed[key]
        return {**events, "placed": np.array(placed, dtype=np.int64)}
