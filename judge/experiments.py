"""The lifts of ``marts.experiment_results`` with their intervals, against what the planted uplift makes of them.

The uplift is a share of purchases, by segment; the mart compares customers who bought at all, and revenue. What should come out
is reckoned on the control: what its customers would have done, had they been treated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from judge.interval import CONFIDENCE, RISK, Interval
from judge.planted import Planted

DAY = pd.Timedelta(days=1)
METRICS = ("conversion", "revenue")


@dataclass(frozen=True)
class Lift(Interval):
    """Of a variant against its control: planted, measured, and the 95 % interval."""

    experiment: str
    variant: str
    metric: str
    planted: float
    estimate: float
    low: float
    high: float


def lifts(planted: Planted, results: pd.DataFrame, controls: pd.DataFrame) -> Iterator[Lift]:
    """Of every variant that has an interval. ``results``: the mart; ``controls``: the exposed customers of each control, with
    ``observed_until``, ``purchases`` and ``net_revenue`` since they were exposed."""
    known = controls.merge(planted.customers, on="customer_id")
    for row in results[~results["is_control"].astype(bool)].itertuples():
        due = expected(planted, known[known["experiment"] == row.experiment], row.experiment, row.variant, row.started_at)
        for metric in METRICS:
            estimate, low, high = (getattr(row, f"{metric}_lift{end}") for end in ("", "_low", "_high"))
            if pd.notna(low) and pd.notna(high):
                yield Lift(row.experiment, row.variant, metric, due[metric], float(estimate), float(low), float(high))


def far_off(found: Sequence[Lift]) -> list[Lift]:
    """Lifts that chance does not explain: planted lies outside an interval so much wider that, where all are right, one misses in
    one shop of 1,000 at most, however they hang together (Bonferroni). Both metrics of an experiment are of the same customers.
    """
    if not found:
        return []
    wider = _deviations(1 - RISK / len(found)) / _deviations(CONFIDENCE)
    return [
        one
        for one in found
        if not one.estimate - wider * (one.estimate - one.low) <= one.planted <= one.estimate + wider * (one.high - one.estimate)
    ]


def _deviations(confidence: float) -> float:
    """Half the width of a normal interval."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def expected(
    planted: Planted, control: pd.DataFrame, experiment: str, variant: str, started_at: pd.Timestamp
) -> dict[str, float]:
    """Mean lift a customer: of the share who bought, and of revenue.

    A treatment adds purchases by a Poisson process of uplift times the customer's own rate, while they are with the shop. So of
    those who bought nothing, 1 - exp(-uplift rate days) would have; and revenue would have been 1 + uplift times as much. A build
    may know of more days than were simulated.
    """
    mine = planted.experiments
    mine = mine[(mine["experiment"] == experiment) & (mine["variant"] == variant)]
    uplift = control["segment"].astype(str).map(mine.set_index("segment")["uplift"]).to_numpy(dtype=float)
    begins = control["registered_at"].clip(lower=started_at)
    ends = control["observed_until"].clip(upper=planted.until).clip(upper=control["left_at"])
    days = ((ends - begins) / DAY).clip(lower=0)
    added = 1 - np.exp(-uplift * control["purchases_per_day"] * days)
    return {
        "conversion": float(np.where(control["purchases"] == 0, added, 0.0).mean()),
        "revenue": float((uplift * control["net_revenue"]).mean()),
    }
