"""Churn features and the audit of their label, from a history that is cut off at each cutoff: nothing later can be seen."""

from dataclasses import replace
from datetime import date

from expected_growth import begins, registered
from expected_marts import ZERO, Purchase, Session, by_customer, day_of, purchases, sessions, share
from shop_history import DAY, History

from contracts.churn import AUDIT_HORIZONS, AUDIT_RETURNS, FEATURE_WINDOWS, LABEL_DAYS


def cut(history: History, cutoff: int) -> History:
    return replace(
        history,
        web_events=[event for event in history.web_events if event.event_time < cutoff],
        purchase_events=[event for event in history.purchase_events if event.event_time < cutoff],
    )


def churn_features(history: History, bought: list[Purchase], days: list[date], known_until: int) -> list[dict]:
    rows = []
    for day in days:
        cutoff = begins(day) + DAY
        past = cut(history, cutoff)
        visits, own = by_customer(sessions(past, cutoff)), by_customer(purchases(past, cutoff))
        opened = {customer.customer_id: customer.registered_at for customer in registered(past, cutoff)}
        for customer_id, known in own.items():
            row = {"cutoff_day": day, "customer_id": customer_id}
            row |= features(known, visits.get(customer_id, []), opened.get(customer_id, cutoff), day, cutoff)
            rows.append(row | {"label": label(customer_id, bought, cutoff, known_until)})
    return rows


def features(known: list[Purchase], visits: list[Session], opened: int, day: date, cutoff: int) -> dict:
    times = [purchase.newest.purchased_at for purchase in known]
    days = {day_of(time) for time in times}
    recency, interval = (day - max(days)).days, share((max(days) - min(days)).days, len(days) - 1)
    tenure = (day - day_of(min([*times, opened, *(visit.started_at for visit in visits)]))).days
    carts = [visit for visit in visits if visit.count("cart")]
    last_visit = max(visits, key=lambda visit: visit.started_at, default=None)
    last = max((purchase.newest for purchase in known), key=lambda newest: (newest.purchased_at, newest.purchase_id))
    labels = last_visit.labels if last_visit else (last.device, last.country, last.channel)
    net = sum((purchase.net for purchase in known), ZERO)
    row = {
        "recency_days": recency,
        "tenure_days": tenure,
        "orders": len(known),
        "purchase_days": len(days),
        "days_between_orders": interval,
        "recency_to_interval": share(recency, interval),
        "units": sum(purchase.newest.quantity for purchase in known),
        "net_revenue": float(net),
        "average_order_value": share(net, len(known)),
        "categories": len({purchase.category for purchase in known}),
        "discount_share": share(
            sum((purchase.newest.discount for purchase in known), ZERO), sum((purchase.newest.amount for purchase in known), ZERO)
        ),
        "return_rate": share(sum(purchase.refunded for purchase in known), len(known)),
        "sessions": len(visits),
        "days_since_session": (day - day_of(last_visit.started_at)).days if last_visit else tenure,
        "cart_abandon_rate": share(sum(not visit.count("purchase") for visit in carts), len(carts)),
        **dict(zip(("device", "country", "channel"), labels, strict=True)),
    }
    for window in FEATURE_WINDOWS:
        row |= recent(known, visits, window, cutoff)
    return row


def recent(known: list[Purchase], visits: list[Session], window: int, cutoff: int) -> dict:
    """What happened in the window, and what is more than in the one before it."""
    now, before = cutoff - window * DAY, cutoff - 2 * window * DAY
    late = [purchase for purchase in known if purchase.newest.purchased_at >= now]
    early = [purchase for purchase in known if before <= purchase.newest.purchased_at < now]
    late_visits = [visit for visit in visits if visit.started_at >= now]
    early_visits = [visit for visit in visits if before <= visit.started_at < now]
    late_net, early_net = (sum((purchase.net for purchase in group), ZERO) for group in (late, early))
    return {
        f"orders_{window}d": len(late),
        f"orders_trend_{window}d": len(late) - len(early),
        f"net_revenue_{window}d": float(late_net),
        f"net_revenue_trend_{window}d": float(late_net - early_net),
        f"sessions_{window}d": len(late_visits),
        f"sessions_trend_{window}d": len(late_visits) - len(early_visits),
        f"views_{window}d": sum(visit.count("view") for visit in late_visits),
        f"carts_{window}d": sum(visit.count("cart") for visit in late_visits),
    }


def label(customer_id: str, bought: list[Purchase], cutoff: int, known_until: int) -> int | None:
    end = cutoff + LABEL_DAYS * DAY
    if end > known_until:
        return None
    return int(not any(each.newest.customer_id == customer_id and cutoff <= each.newest.purchased_at < end for each in bought))


def churn_label_audit(bought: list[Purchase], days: list[date], known_until: int) -> list[tuple]:
    rows = []
    for day in days:
        cutoff = begins(day) + DAY
        times = [[purchase.newest.purchased_at for purchase in own] for own in by_customer(bought).values()]
        known = [own for own in times if min(own) < cutoff]
        for horizon in AUDIT_HORIZONS if known else ():
            end = cutoff + horizon * DAY
            churned = [own for own in known if not any(cutoff <= time < end for time in own)]
            figures: list[float | None] = [len(churned), len(churned) / len(known)] if end <= known_until else [None, None]
            for span in AUDIT_RETURNS:
                back = sum(any(end <= time < end + span * DAY for time in own) for own in churned)
                shown = end + span * DAY <= known_until
                figures += [back, back / len(churned) if churned else None] if shown else [None, None]
            rows.append((day, horizon, len(known), *figures))
    return rows
