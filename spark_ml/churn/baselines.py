"""What a model must beat: the days since the last purchase alone, and BG/NBD's probability that the customer is gone.

Both order the customers; a probability is made of the order by isotonic regression on the training cutoffs, so that threshold,
Brier score and reliability can be compared.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from contracts.churn import LABEL
from spark_ml.lifetime import buying

RECENCY, P_ALIVE = "recency", "bg_nbd"
TITLES = {RECENCY: "Recency alone", P_ALIVE: "BG/NBD, 1 - P(alive)"}
Order = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """``order`` gives a number that grows with the danger; ``scale`` makes a probability of it."""

    order: Order
    scale: IsotonicRegression

    def probability(self, rows: pd.DataFrame) -> np.ndarray:
        return self.scale.predict(self.order(rows))


def recency(train: pd.DataFrame, seed: int) -> Baseline:
    return _scaled(lambda rows: rows["recency_days"].to_numpy(float), train)


def p_alive(train: pd.DataFrame, seed: int) -> Baseline:
    model = buying.fit(buying.summary_at_cutoff(train), seed)
    return _scaled(lambda rows: 1 - buying.alive(model, buying.summary_at_cutoff(rows)), train)


BASELINES = {RECENCY: recency, P_ALIVE: p_alive}


def _scaled(order: Order, train: pd.DataFrame) -> Baseline:
    scale = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    return Baseline(order, scale.fit(order(train), train[LABEL]))
