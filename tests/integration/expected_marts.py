"""The marts once more, in plain Python over the history: no SQL, no window functions, the definitions word by word.

Amounts are Decimals, times milliseconds since 1970 (UTC), days the date of a time.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from shop_history import DAY, MINUTE, History, PurchaseEvent, WebEvent

from contracts.churn import LABEL_DAYS
from contracts.events import FUNNEL_STEPS, REFUNDED_STATUSES, UNKNOWN

ZERO = Decimal(0)


def day_of(moment: int) -> date:
    return datetime.fromtimestamp(moment // 1000, UTC).date()


@dataclass
class Session:
    customer_id: str
    number: int
    events: list[WebEvent]

    @property
    def started_at(self) -> int:
        return self.events[0].event_time

    def count(self, event_type: str) -> int:
        return sum(event.event_type == event_type for event in self.events)

    @property
    def funnel_step(self) -> int:
        return max(
            (FUNNEL_STEPS.index(event.event_type) + 1 for event in self.events if event.event_type in FUNNEL_STEPS), default=0
        )

    @property
    def cart_value(self) -> Decimal:
        signs = {"cart": 1, "remove_from_cart": -1}
        values = (signs.get(event.event_type, 0) * (event.price or ZERO) * (event.quantity or 1) for event in self.events)
        return max(sum(values, ZERO), ZERO)

    @property
    def abandoned_value(self) -> Decimal:
        return ZERO if self.count("purchase") else self.cart_value

    @property
    def labels(self) -> tuple[str, str, str]:
        return self.events[0].device, self.events[0].country, self.events[0].channel


@dataclass(frozen=True)
class Purchase:
    newest: PurchaseEvent

    @property
    def refunded(self) -> bool:
        return self.newest.status in REFUNDED_STATUSES

    @property
    def refund(self) -> Decimal:
        return self.newest.amount - self.newest.discount if self.refunded else ZERO

    @property
    def net(self) -> Decimal:
        return self.newest.amount - self.newest.discount - self.refund

    @property
    def category(self) -> str:
        return self.newest.category or UNKNOWN


def sessions(history: History, cutoff: int) -> list[Session]:
    by_customer = defaultdict(list)
    for event in set(history.web_events):
        if event.event_time < cutoff and event.customer_id not in history.deleted:
            by_customer[event.customer_id].append(event)
    found = []
    for customer_id, events in by_customer.items():
        number, previous = 0, None
        for event in sorted(events, key=lambda event: (event.event_time, event.event_id)):
            if previous is None or event.event_time - previous > 30 * MINUTE:
                number += 1
                found.append(Session(customer_id, number, []))
            found[-1].events.append(event)
            previous = event.event_time
    return found


def purchases(history: History, cutoff: int) -> list[Purchase]:
    newest: dict[str, PurchaseEvent] = {}

    def version(event: PurchaseEvent) -> tuple[int, str]:
        return event.event_time, event.event_id

    for event in history.purchase_events:
        known = event.event_time < cutoff and event.customer_id not in history.deleted
        if known and (event.purchase_id not in newest or version(event) > version(newest[event.purchase_id])):
            newest[event.purchase_id] = event
    return [Purchase(event) for event in newest.values()]


def fct_sessions(found: list[Session]) -> list[tuple]:
    return [
        (
            session.customer_id, session.number, session.started_at, session.events[-1].event_time, len(session.events),
            *(session.count(name) for name in ("view", "cart", "remove_from_cart", "checkout", "purchase")),
            session.funnel_step, session.cart_value, session.abandoned_value, *session.labels,
        )
        for session in found
    ]  # fmt: skip


def fct_purchases(found: list[Purchase]) -> list[tuple]:
    return [
        (
            newest.purchase_id, newest.customer_id, newest.status, newest.purchased_at, newest.event_time, purchase.category,
            newest.quantity, newest.amount, newest.discount, purchase.refund, purchase.net,
        )
        for purchase in found
        for newest in (purchase.newest,)
    ]  # fmt: skip


def events_daily(found: list[Session]) -> list[tuple]:
    rows = defaultdict(list)
    for session in found:
        for event in session.events:
            rows[day_of(event.event_time), event.event_type, event.country, event.device, event.channel].append(event.customer_id)
    return [(*key, len(customers), len(set(customers))) for key, customers in rows.items()]


def refunds(history: History, cutoff: int) -> list[tuple[str, int, Decimal]]:
    """(purchase, moment, value given back): each time that a state gives back another value than the one before it."""
    states = defaultdict(list)
    for event in history.purchase_events:
        if event.event_time < cutoff and event.customer_id not in history.deleted:
            states[event.purchase_id].append(event)
    found = []
    for purchase_id, events in states.items():
        given = ZERO
        for event in sorted(events, key=lambda event: (event.event_time, event.event_id)):
            value = Purchase(event).refund
            if value != given:
                found.append((purchase_id, event.event_time, value - given))
            given = value
    return found


def revenue_daily(found: list[Purchase], given_back: list[tuple[str, int, Decimal]]) -> list[tuple]:
    first_day = {
        customer_id: min(day_of(purchase.newest.purchased_at) for purchase in bought)
        for customer_id, bought in by_customer(found).items()
    }
    labels = {}
    rows: dict[tuple, list] = defaultdict(lambda: [0, 0, ZERO, ZERO, ZERO])
    for purchase in found:
        newest, day = purchase.newest, day_of(purchase.newest.purchased_at)
        kind = "new" if day == first_day[newest.customer_id] else "returning"
        labels[newest.purchase_id] = newest.country, purchase.category, kind
        row = rows[day, *labels[newest.purchase_id]]
        for place, value in enumerate((1, newest.quantity, newest.amount, newest.discount)):
            row[place] += value
    for purchase_id, moment, value in given_back:
        rows[day_of(moment), *labels[purchase_id]][4] += value
    return [(*key, *row, row[2] - row[3] - row[4]) for key, row in rows.items()]


def by_customer(found: list) -> dict[str, list]:
    groups = defaultdict(list)
    for item in found:
        groups[item.newest.customer_id if isinstance(item, Purchase) else item.customer_id].append(item)
    return groups


def daily_values(bought: list[Purchase]) -> list[tuple[date, Decimal]]:
    days: dict[date, Decimal] = defaultdict(lambda: ZERO)
    for purchase in bought:
        days[day_of(purchase.newest.purchased_at)] += purchase.net
    return sorted(days.items())


def clv_summary(found: list[Purchase], as_of: date) -> dict[str, tuple[int, int, int, float]]:
    """customer → frequency, recency, T, monetary_value."""
    summary = {}
    for customer_id, bought in by_customer(found).items():
        days = daily_values(bought)
        repeats = [value for _, value in days[1:]]
        value = float(sum(repeats, ZERO)) / len(repeats) if repeats else 0.0
        summary[customer_id] = (len(repeats), (days[-1][0] - days[0][0]).days, (as_of - days[0][0]).days, value)
    return summary


def status(times: list[int], cutoff: int) -> str:
    if not times:
        return "prospect"
    return "active" if max(times) >= cutoff - LABEL_DAYS * DAY else "lapsed"


def rfm(bought: list[Purchase]) -> dict[str, tuple[int, int, int]]:
    """customer → scores: the fifth in which the share of those below the customer lies."""
    totals = {
        customer_id: (
            max(purchase.newest.purchased_at for purchase in own), len(own), sum((purchase.net for purchase in own), ZERO)
        )
        for customer_id, own in by_customer(bought).items()
    }  # fmt: skip

    def score(own: tuple, place: int) -> int:
        return 1 + 5 * sum(other[place] < own[place] for other in totals.values()) // len(totals)

    return {customer_id: tuple(score(own, place) for place in range(3)) for customer_id, own in totals.items()}


def dim_customers(history: History, visits: list[Session], bought: list[Purchase], cutoff: int) -> list[tuple]:
    registered = {
        customer.customer_id: customer
        for customer in history.customers
        if customer.registered_at < cutoff and customer.customer_id not in history.deleted
    }
    sessions_of, purchases_of = by_customer(visits), by_customer(bought)
    rows = []
    for customer_id in {*registered, *sessions_of, *purchases_of}:
        times = [purchase.newest.purchased_at for purchase in purchases_of[customer_id]]
        ends = [session.events[-1].event_time for session in sessions_of[customer_id]]
        if customer_id in registered:
            source = registered[customer_id]
        elif sessions_of[customer_id]:
            source = min(sessions_of[customer_id], key=lambda session: session.started_at).events[0]
        else:
            source = min(
                (purchase.newest for purchase in purchases_of[customer_id]), key=lambda new: (new.purchased_at, new.purchase_id)
            )
        rows.append(
            (
                customer_id, customer_id in registered,
                registered[customer_id].registered_at if customer_id in registered else None,
                source.country, source.channel, source.device, min(times, default=None), max(times, default=None), len(times),
                sum((purchase.net for purchase in purchases_of[customer_id]), ZERO), len(ends), max(times + ends, default=None),
                status(times, cutoff),
            )
        )  # fmt: skip
    return rows


def share(part: float | Decimal, whole: float | Decimal) -> float:
    return float(part) / float(whole) if whole else 0.0


def customer_features(history: History, visits: list[Session], bought: list[Purchase], as_of: date, cutoff: int) -> list[dict]:
    registered = {
        customer.customer_id: customer.registered_at for customer in history.customers if customer.registered_at < cutoff
    }
    sessions_of, clv, recent = by_customer(visits), clv_summary(bought, as_of), cutoff - 90 * DAY
    rows = []
    for customer_id, own in by_customer(bought).items():
        frequency, recency, _, monetary_value = clv[customer_id]
        times = [purchase.newest.purchased_at for purchase in own]
        late = [session for session in sessions_of[customer_id] if session.started_at >= recent]
        carts = [session for session in sessions_of[customer_id] if session.count("cart")]
        first_seen = min(
            [*times, registered.get(customer_id, cutoff), *(session.started_at for session in sessions_of[customer_id])]
        )
        net = sum((purchase.net for purchase in own), ZERO)
        rows.append(
            {
                "customer_id": customer_id,
                "as_of_day": as_of,
                "recency_days": (as_of - day_of(max(times))).days,
                "frequency": frequency,
                "monetary_value": monetary_value,
                "tenure_days": (as_of - day_of(first_seen)).days,
                "orders": len(own),
                "orders_90d": sum(time >= recent for time in times),
                "units": sum(purchase.newest.quantity for purchase in own),
                "net_revenue": float(net),
                "net_revenue_90d": float(sum((purchase.net for purchase in own if purchase.newest.purchased_at >= recent), ZERO)),
                "average_order_value": share(net, len(own)),
                "days_between_orders": share(recency, frequency),
                "categories": len({purchase.category for purchase in own}),
                "discount_share": share(
                    sum((purchase.newest.discount for purchase in own), ZERO),
                    sum((purchase.newest.amount for purchase in own), ZERO),
                ),
                "return_rate": share(sum(purchase.refunded for purchase in own), len(own)),
                "sessions": len(sessions_of[customer_id]),
                "sessions_90d": len(late),
                "views_90d": sum(session.count("view") for session in late),
                "carts_90d": sum(session.count("cart") for session in late),
                "cart_abandon_rate": share(sum(not session.count("purchase") for session in carts), len(carts)),
            }
        )
    return rows
