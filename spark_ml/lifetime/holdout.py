"""How far a forecast made at an earlier cutoff is from what then happened. Pure.

``MAE``: mean of |foretold - actual| over the customers. ``bias``: sum foretold over sum actual, less 1. ``rank``: Spearman's
correlation of foretold and actual. Purchases count days with one, value is net. The features of a cutoff know what a customer
brought in all, not on the first day: so spending is learnt from the mean of all days here, and not, as for the forecast, from
that of the days after the first.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from contracts.churn import CUSTOMER, CUTOFF
from lakehouse.errors import LakeError
from spark_ml.lifetime.buying import summary_at_cutoff

GROUPS = 10


@dataclass(frozen=True)
class Error:
    mae: float
    bias: float
    rank: float

    def row(self) -> dict[str, Any]:
        return asdict(self)


def histories(features: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Each customer of the oldest cutoff as known then, with what came by the newest; and the days between the two."""
    days = sorted(features[CUTOFF].unique())
    if len(days) < 2:
        raise LakeError("the features have one cutoff: a holdout needs two")
    then, now = (features[features[CUTOFF] == day].reset_index(drop=True) for day in (days[0], days[-1]))
    summary = summary_at_cutoff(then).assign(
        customer_id=then[CUSTOMER], monetary_value=then["net_revenue"] / then["purchase_days"]
    )
    later = now.set_index(CUSTOMER)[["purchase_days", "net_revenue"]].reindex(then[CUSTOMER]).reset_index(drop=True)
    summary["later_purchases"] = (later["purchase_days"] - then["purchase_days"]).fillna(0).clip(lower=0)
    summary["later_value"] = (later["net_revenue"] - then["net_revenue"]).fillna(0)
    return summary, (pd.Timestamp(days[-1]) - pd.Timestamp(days[0])).days


def error(foretold: np.ndarray, actual: np.ndarray) -> Error:
    rank = pd.Series(foretold).corr(pd.Series(actual), method="spearman")
    return Error(float(np.abs(foretold - actual).mean()), float(foretold.sum() / actual.sum() - 1), float(rank))


def by_group(foretold: np.ndarray, actual: np.ndarray) -> pd.DataFrame:
    """Means of both in tenths of the customers by what was foretold."""
    group = pd.Series(foretold).rank(method="first").pipe(pd.qcut, min(GROUPS, len(foretold)), labels=False)
    return pd.DataFrame({"foretold": foretold, "actual": actual}).groupby(group).mean()
