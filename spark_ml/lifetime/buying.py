"""BG/NBD of repeat purchases, fitted by maximum a posteriori with pymc-marketing.

Fader, Hardie and Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005). All purchases of a UTC day are one
transaction; ``frequency``: repeat days, ``recency``: days from the first to the last of them, ``T``: days since the first.
"""

import logging
import warnings
from typing import TypeVar

import numpy as np
import pandas as pd
from pymc_extras.prior import Prior
from pymc_marketing.clv import BetaGeoModel
from pymc_marketing.clv.models.basic import CLVModel

Model = TypeVar("Model", bound=CLVModel)
SUMMARY = ("customer_id", "frequency", "recency", "T")
# Four parameters need no more customers; the time of a fit grows with them.
FIT_CUSTOMERS = 20_000
# Wide enough for any shop: the library's own would pull alpha towards ten days. a and b are of the dropout's Beta.
PRIORS = {name: Prior("HalfNormal", sigma=width) for name, width in (("r", 20), ("alpha", 2000), ("a", 20), ("b", 500))}


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
    sampled = seen.sample(min(FIT_CUSTOMERS, len(seen)), random_state=seed)
    return quietly(BetaGeoModel(data=sampled, model_config=PRIORS))


def quietly(model: Model) -> Model:
    """The model at its mode. PyMC tells of each start and deprecation."""
    logging.getLogger("pymc").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(method="map", progressbar=False)
    return model


def alive(model: BetaGeoModel, summary: pd.DataFrame) -> np.ndarray:
    """P(alive) per row."""
    found = model.expected_probability_alive(data=summary[list(SUMMARY)])
    return found.mean(("chain", "draw")).to_numpy()
