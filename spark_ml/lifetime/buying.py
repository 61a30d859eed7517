"""BG/NBD of repeat purchases, fitted by maximum a posteriori with pymc-marketing.

Fader, Hardie and Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005). All purchases of a UTC day are one
transaction; ``frequency``: repeat days, ``recency``: days from the first to the last of them, ``T``: days since the first.
"""

import logging
import warnings

import numpy as np
import pandas as pd
from pymc_marketing.clv import BetaGeoModel

SUMMARY = ("customer_id", "frequency", "recency", "T")
# Four parameters need no more customers; the time of a fit grows with them.
FIT_CUSTOMERS = 20_000


def summary_at_cutoff(features: pd.DataFrame) -> pd.DataFrame:
    """Frequency, recency and T of each row of ``churn_features``, a customer at a cutoff."""
    first_to_last = (features["days_between_orders"] * (features["purchase_days"] - 1)).round()
    return pd.DataFrame(
        {
            "customer_id": np.arange(len(features)),
            "frequency": features["purchase_days"].to_numpy(float) - 1,
            "recency": first_to_last.to_numpy(float),
            "T": (first_to_last + features["recency_days"]).to_numpy(float),
        }
    )


def fit(summary: pd.DataFrame, seed: int) -> BetaGeoModel:
    """On the customers who were seen for a day at least, FIT_CUSTOMERS of them at most."""
    seen = summary.loc[summary["T"] > 0, list(SUMMARY)]
    model = BetaGeoModel(data=seen.sample(min(FIT_CUSTOMERS, len(seen)), random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("pymc").setLevel(logging.ERROR)
        model.fit(method="map", progressbar=False)
    return model


def alive(model: BetaGeoModel, summary: pd.DataFrame) -> np.ndarray:
    """P(alive) per row."""
    found = model.expected_probability_alive(data=summary[list(SUMMARY)])
    return found.mean(("chain", "draw")).to_numpy()
