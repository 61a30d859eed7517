"""Purchases and value to come of each customer, with intervals, from fitted BG/NBD and Gamma-Gamma."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pymc_marketing.clv import BetaGeoModel, GammaGammaModel

from spark_ml.lifetime.buying import SUMMARY
from spark_ml.lifetime.spending import SPENDING

# Customers at a time: draws x customers are held in memory.
AT_ONCE = 20_000
ENDS = (0.025, 0.975)


def forecast(buying: BetaGeoModel, spending: GammaGammaModel, summary: pd.DataFrame, horizons: Mapping[int, int]) -> pd.DataFrame:
    """The columns of LIFETIME_VALUES but those of the run. ``horizons``: days by name of the horizon, months."""
    parts = [
        _of_some(buying, spending, summary.iloc[start : start + AT_ONCE], horizons) for start in range(0, len(summary), AT_ONCE)
    ]
    return pd.concat(parts, ignore_index=True)


def _of_some(buying: BetaGeoModel, spending: GammaGammaModel, rows: pd.DataFrame, horizons: Mapping[int, int]) -> pd.DataFrame:
    known = rows[list(SUMMARY)]
    alive = _draws(buying.expected_probability_alive(data=known))
    spend = _draws(spending.expected_customer_spend(data=rows[list(SPENDING)]))
    found = {"customer_id": rows["customer_id"], "p_alive": alive.mean(axis=0), "expected_order_value": spend.mean(axis=0)}
    for months, days in horizons.items():
        purchases = _draws(buying.expected_purchases(data=known, future_t=days))
        # The two models share no parameter: their draws are independent, and any pairing will do.
        for name, draws in ((f"purchases_{months}m", purchases), (f"value_{months}m", purchases * spend)):
            found[name] = draws.mean(axis=0)
            found[f"{name}_low"], found[f"{name}_high"] = np.quantile(draws, ENDS, axis=0)
    return pd.DataFrame(found)


def _draws(found) -> np.ndarray:
    """Draws x customers."""
    return found.transpose("chain", "draw", ...).to_numpy().reshape(-1, found.sizes["customer_id"])
