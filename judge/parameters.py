"""Parameters recovered from what was bought, against the planted ones, with intervals: BG/NBD and Gamma-Gamma by segment.

The clock of purchases starts at registration, so only customers who registered within the window are taken: of the others the
first purchases are not in the data.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb

import pandas as pd

from generators.segments import SEGMENTS, Segment
from judge.interval import CONFIDENCE, RISK, Interval
from judge.planted import Planted
from lakehouse.errors import LakeError
from spark_ml.lifetime import buying, spending
from spark_ml.lifetime.posterior import around_the_mode

# With fewer customers who bought, four parameters cannot be told apart.
LEAST_BUYERS = 40
DAY = pd.Timedelta(days=1)
SEED = 1


@dataclass(frozen=True)
class Recovered(Interval):
    """A parameter of a segment: planted value, estimate and interval."""

    segment: str
    parameter: str
    planted: float
    estimate: float
    low: float
    high: float


def summary(planted: Planted, orders: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """As ``buying.SUMMARY`` from registration on: ``frequency`` counts every order; with the planted segment."""
    people = planted.customers
    fresh = people[(people["registered_at"] >= planted.start) & (people["registered_at"] < until)]
    joined = fresh[["customer_id", "segment", "registered_at"]].merge(orders, on="customer_id", how="left")
    since = joined["registered_at"]
    return pd.DataFrame(
        {
            "customer_id": joined["customer_id"],
            "segment": joined["segment"].astype(str),
            "frequency": joined["orders"].fillna(0).astype(float),
            "recency": ((joined["last_at"] - since) / DAY).clip(lower=0).fillna(0.0),
            "T": (until - since) / DAY,
            "monetary_value": joined["mean_value"].fillna(0.0),
        }
    )


def recover(
    planted: Planted, orders: pd.DataFrame, until: pd.Timestamp, tell: Callable[[str], None] = print
) -> Iterator[Recovered]:
    """Of each segment with enough buyers; ``tell`` what their purchases do not show."""
    known = summary(planted, orders, until)
    for segment in SEGMENTS:
        mine = known[known["segment"] == segment.name]
        if (mine["frequency"] > 0).sum() >= LEAST_BUYERS:
            yield from _of_segment(segment, mine, tell)


def _of_segment(segment: Segment, mine: pd.DataFrame, tell: Callable[[str], None]) -> Iterator[Recovered]:
    rate, dropout, spend = segment.purchase_rate, segment.dropout, segment.spend
    bought = {"r": rate.shape, "alpha": rate.rate, "a": dropout.a, "b": dropout.b}
    spent = {"p": spend.p, "q": spend.q, "v": spend.scale}
    for model, wanted in ((buying.fit(mine, SEED), bought), (spending.fit(mine, SEED), spent)):
        try:
            posterior = around_the_mode(model, SEED).idata.posterior
        except LakeError as error:
            tell(f"{segment.name}: not judged, {error}")
            continue
        for name, value in wanted.items():
            low, middle, high = posterior[name].quantile([(1 - CONFIDENCE) / 2, 0.5, (1 + CONFIDENCE) / 2]).to_numpy()
            yield Recovered(segment.name, name, float(value), float(middle), float(low), float(high))


def allowed_misses(intervals: int) -> int:
    """As many of so many right intervals miss, or fewer, but for a share RISK of all shops, if they are independent. Those of one
    fit are not: they miss together, and more shops than that have so many misses.
    """
    miss, tail = 1 - CONFIDENCE, 1.0
    for count in range(intervals + 1):
        tail -= comb(intervals, count) * miss**count * (1 - miss) ** (intervals - count)
        if tail < RISK:
            return count
    return intervals
