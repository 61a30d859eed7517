"""Gamma-Gamma of the value of a transaction, fitted by maximum likelihood with pymc-marketing.

Fader and Hardie, The Gamma-Gamma Model of Monetary Value (2013): a customer's transactions are Gamma(p, nu), nu over the
customers is Gamma(q, v); their mean is p v / (q - 1).
"""

import pandas as pd
from pymc_marketing.clv import GammaGammaModel

from spark_ml.lifetime.buying import FIT_CUSTOMERS, quietly

SPENDING = ("customer_id", "frequency", "monetary_value")


def fit(summary: pd.DataFrame, seed: int) -> GammaGammaModel:
    """On the customers with transactions of a value, FIT_CUSTOMERS of them at most."""
    known = summary.loc[(summary["frequency"] > 0) & (summary["monetary_value"] > 0), list(SPENDING)]
    return quietly(GammaGammaModel(data=known.sample(min(FIT_CUSTOMERS, len(known)), random_state=seed)))
