"""Registrations, cohorts, countries, categories and carts once more, in plain Python."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal

from expected_marts import ZERO, Purchase, Session, by_customer, day_of
from shop_history import DAY, Customer, History

from contracts.events import UNKNOWN


def month_of(moment: int) -> date:
    return day_of(moment).replace(day=1)


def next_month(month: date) -> date:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def begins(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def is_complete(month: date, known_until: int) -> bool:
    return begins(next_month(month)) <= known_until


def registered(history: History, cutoff: int) -> list[Customer]:
    return [each for each in history.customers if each.registered_at < cutoff and each.customer_id not in history.deleted]


def registrations_monthly(history: History, bought: list[Purchase], cutoff: int, known_until: int) -> list[tuple]:
    first = {
        customer_id: min(purchase.newest.purchased_at for purchase in own) for customer_id, own in by_customer(bought).items()
    }
    groups = defaultdict(list)
    for customer in registered(history, cutoff):
        groups[month_of(customer.registered_at), customer.country, customer.channel].append(customer)
    rows = []
    for (month, *labels), customers in groups.items():
        soon = sum(
            first.get(customer.customer_id, cutoff + 1000 * DAY) < customer.registered_at + 30 * DAY for customer in customers
        )
        known = begins(next_month(month)) + 30 * DAY <= known_until
        rows.append((month, *labels, len(customers), soon if known else None, is_complete(month, known_until)))
    return rows


def retention_cohorts(
    history: History, visits: list[Session], bought: list[Purchase], given_back: list, cutoff: int, known_until: int
) -> list[tuple]:
    cohorts = defaultdict(set)
    for customer in registered(history, cutoff):
        cohorts[month_of(customer.registered_at)].add(customer.customer_id)
    buyer_of = {purchase.newest.purchase_id: purchase.newest.customer_id for purchase in bought}
    rows = []
    for cohort, members in cohorts.items():
        month, since = cohort, 0
        while begins(month) < cutoff:
            came = {each.customer_id for each in visits if month_of(each.started_at) == month} & members
            of_members = [each.newest for each in bought if each.newest.customer_id in members]
            placed = [each for each in of_members if month_of(each.purchased_at) == month]
            back = [
                value for purchase, moment, value in given_back if month_of(moment) == month and buyer_of[purchase] in members
            ]
            buyers = {each.customer_id for each in placed}
            revenue = sum((each.amount - each.discount for each in placed), ZERO) - sum(back, ZERO)
            figures = (len(came | buyers), len(buyers), revenue, len(came | buyers) / len(members), len(buyers) / len(members))
            complete = is_complete(month, known_until)
            rows.append((cohort, since, month, len(members), complete, *(figures if complete else [None] * 5)))
            month, since = next_month(month), since + 1
    return rows


def revenue_by_month(daily: list[tuple], label: int) -> dict[tuple, list]:
    """Sums of revenue_daily's figures by month and the label in this place."""
    rows: dict[tuple, list] = defaultdict(lambda: [0, 0, ZERO, ZERO, ZERO, ZERO])
    for row in daily:
        sums = rows[row[0].replace(day=1), row[label]]
        for place, value in enumerate(row[4:]):
            sums[place] += value
    return rows


def country_performance(
    history: History, visits: list[Session], bought: list[Purchase], daily: list[tuple], cutoff: int, known_until: int
) -> list[tuple]:
    revenue = revenue_by_month(daily, 1)
    opened, started, buyers = defaultdict(int), defaultdict(list), defaultdict(set)
    for customer in registered(history, cutoff):
        opened[month_of(customer.registered_at), customer.country] += 1
    for session in visits:
        started[month_of(session.started_at), session.labels[1]].append(session)
    for purchase in bought:
        buyers[month_of(purchase.newest.purchased_at), purchase.newest.country].add(purchase.newest.customer_id)
    return [
        (
            *key, is_complete(key[0], known_until), opened[key], len(started[key]),
            len({session.customer_id for session in started[key]}),
            sum(session.count("purchase") > 0 for session in started[key]), len(buyers[key]), *revenue[key],
        )
        for key in {*opened, *started, *revenue}
    ]  # fmt: skip


def category_performance(visits: list[Session], bought: list[Purchase], daily: list[tuple], known_until: int) -> list[tuple]:
    revenue = revenue_by_month(daily, 2)
    seen, buyers = defaultdict(list), defaultdict(set)
    for event in (event for session in visits for event in session.events):
        if event.event_type in ("view", "cart"):
            seen[month_of(event.event_time), event.category or UNKNOWN].append(event)
    for purchase in bought:
        buyers[month_of(purchase.newest.purchased_at), purchase.category].add(purchase.newest.customer_id)
    rows = []
    for key in {*seen, *revenue}:
        viewers = [event.customer_id for event in seen[key] if event.event_type == "view"]
        carts = len(seen[key]) - len(viewers)
        rows.append(
            (*key, is_complete(key[0], known_until), len(viewers), len(set(viewers)), carts, len(buyers[key]), *revenue[key])
        )
    return rows


def cart_sessions(visits: list[Session], exposed: list[tuple]) -> list[tuple]:
    """``exposed``: as ``expected_experiments.exposures``."""
    rows = []
    for own in by_customer(visits).values():
        for session in own:
            carts = [event for event in session.events if event.event_type == "cart"]
            if not carts:
                continue
            first = datetime.fromtimestamp(carts[0].event_time // 1000, UTC)
            before = [event.event_type for event in session.events if event.event_time < carts[0].event_time]
            earlier = [other for other in own if other.number < session.number]
            seen = sorted(
                f"{experiment}: {variant}" for experiment, customer_id, variant, _, start, end, *_ in exposed
                if customer_id == session.customer_id and start <= carts[0].event_time < end
            )  # fmt: skip
            prices: list[Decimal] = [event.price for event in carts if event.price is not None]
            rows.append((
                session.customer_id, session.number, carts[0].event_time, carts[-1].event_time, first.isoweekday(), first.hour,
                carts[0].event_time // 1000 - session.started_at // 1000, len(before), before.count("view"),
                before.count("search"), len(earlier), sum(other.count("cart") > 0 for other in earlier),
                sum(other.count("purchase") > 0 for other in earlier), len(carts),
                sum(event.quantity or 1 for event in carts), len({event.product_id for event in carts} - {None}),
                len({event.category for event in carts} - {None}), max(prices, default=None), session.cart_value,
                session.count("checkout") > 0, session.count("purchase") == 0, session.abandoned_value, *session.labels,
                ", ".join(seen) or "none",
            ))  # fmt: skip
    return rows
