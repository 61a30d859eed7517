"""Exposures and results of experiments once more; the bucket is the shop's own."""

import math
from statistics import NormalDist, variance

from expected_marts import ZERO, Purchase, Session, by_customer, share
from shop_history import History

from contracts.experiments import CONTROL, bucket

NORMAL = NormalDist()


def exposures(history: History, visits: list[Session], bought: list[Purchase], cutoff: int) -> list[tuple]:
    """experiment, customer, variant, bucket, exposed at, observed until, bought before, device, country, channel."""
    purchases_of, rows = by_customer(bought), []
    for customer_id, own in by_customer(visits).items():
        for variant in history.variants:
            number, end = bucket(variant.experiment, customer_id), min(variant.ended_at or cutoff, cutoff)
            seen = [event for each in own for event in each.events if variant.started_at <= event.event_time < end]
            if not seen or not variant.bucket_from <= number < variant.bucket_to:
                continue
            first = min(seen, key=lambda event: (event.event_time, event.event_id))
            before = any(purchase.newest.purchased_at < first.event_time for purchase in purchases_of[customer_id])
            labels = first.device, first.country, first.channel
            rows.append((variant.experiment, customer_id, variant.variant, number, first.event_time, end, before, *labels))
    return rows


def results(history: History, exposed: list[tuple], visits: list[Session], bought: list[Purchase], cutoff: int) -> dict:
    """(experiment, variant) → figures by column."""
    rows = {}
    started = [variant for variant in history.variants if variant.started_at < cutoff]
    for variant in started:
        group = [row for row in exposed if row[:1] + row[2:3] == (variant.experiment, variant.variant)]
        every = [row for row in exposed if row[0] == variant.experiment]
        buckets = sum(other.bucket_to - other.bucket_from for other in started if other.experiment == variant.experiment)
        expected_share = (variant.bucket_to - variant.bucket_from) / buckets
        rows[variant.experiment, variant.variant] = outcomes(group, visits, bought) | {
            "expected_share": expected_share,
            "sample_ratio_p": ratio_p(len(group), len(every), expected_share),
        }
    for (experiment, variant), row in rows.items():
        control = rows.get((experiment, CONTROL))
        row |= lift(row, control if variant != CONTROL else None, "conversion", "conversion_rate")
        row |= lift(row, control if variant != CONTROL else None, "revenue", "revenue_per_customer")
    return rows


def outcomes(group: list[tuple], visits: list[Session], bought: list[Purchase]) -> dict:
    purchases_of, sessions_of = by_customer(bought), by_customer(visits)
    own, seen = [], []
    for _, customer_id, _, _, start, end, *_ in group:
        own.append([each for each in purchases_of[customer_id] if start <= each.newest.purchased_at < end])
        seen += [each for each in sessions_of[customer_id] if each.events[-1].event_time >= start and each.started_at < end]
    every, size = [purchase for each in own for purchase in each], len(group)
    spent = [float(sum((purchase.net for purchase in each), ZERO)) for each in own]
    carts = [each for each in seen if each.count("cart")]
    rate = sum(bool(each) for each in own) / size if size else None
    return {
        "customers": size,
        "conversions": sum(bool(each) for each in own),
        "purchases": len(every),
        "net_revenue": sum((purchase.net for purchase in every), ZERO),
        "conversion_rate": rate,
        "revenue_per_customer": sum(spent) / size if size else None,
        "return_rate": share(sum(purchase.refund > 0 for purchase in every), len(every)) if size else None,
        "cart_abandon_rate": share(sum(not each.count("purchase") for each in carts), len(carts)) if size else None,
        "sessions_per_customer": len(seen) / size if size else None,
        "conversion_variance": rate * (1 - rate) if rate is not None else None,
        "revenue_variance": variance(spent) if size > 1 else None,
    }


def ratio_p(size: int, every: int, expected_share: float) -> float | None:
    spread = math.sqrt(every * expected_share * (1 - expected_share))
    return two_sided((size - every * expected_share) / spread) if spread else None


def lift(row: dict, control: dict | None, name: str, measure: str) -> dict:
    figures = dict.fromkeys((f"{name}_lift", f"{name}_lift_low", f"{name}_lift_high", f"{name}_p"))
    variances = [each and each[f"{name}_variance"] for each in (row, control)]
    if control is None or None in variances:
        return figures
    error = math.sqrt(sum(each / side["customers"] for each, side in zip(variances, (row, control), strict=True)))
    difference, reach = row[measure] - control[measure], NORMAL.inv_cdf(0.975) * error
    p = two_sided(difference / error) if error else None
    return dict(zip(figures, (difference, difference - reach, difference + reach, p), strict=True))


def two_sided(z: float) -> float:
    return 2 * (1 - NORMAL.cdf(abs(z)))
