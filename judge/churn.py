"""The churn model against the best that anybody could do who knows the simulator's latent state, but not its dice."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from contracts.churn import LABEL_DAYS

# As near to the ceiling as this a model knows too much: its features look at the days they should foretell.
NEAR = 0.005


@dataclass(frozen=True)
class Ceiling:
    """ROC AUC of the model, of the best predictor, and whether the model comes suspiciously close."""

    model: str
    auc: float
    best: float

    @property
    def leaks(self) -> bool:
        return self.auc >= self.best - NEAR


def chance_of_silence(people: pd.DataFrame, cutoff: date) -> np.ndarray:
    """Probability to buy nothing in the 90 days after the cutoff, given the latent state: 1 for who has left, else no event of a
    Poisson process of the customer's own rate."""
    after = pd.Timestamp(cutoff, tz="UTC") + pd.Timedelta(days=1)
    return np.where(people["left_at"] < after, 1.0, np.exp(-LABEL_DAYS * people["purchases_per_day"]))


def ceiling(people: pd.DataFrame, labels: pd.DataFrame, evaluation: pd.DataFrame) -> Ceiling:
    """On the customers of the test set who are no guests."""
    chosen = evaluation[evaluation["chosen"] == 1].iloc[0]
    known = labels.merge(people, on="customer_id")
    best = roc_auc_score(known["label"], chance_of_silence(known, pd.Timestamp(chosen["cutoff_day"]).date()))
    return Ceiling(str(chosen["model"]), float(chosen["roc_auc"]), float(best))


def against_the_gone(people: pd.DataFrame, scores: pd.DataFrame) -> float:
    """ROC AUC of today's scores against who has really left."""
    known = scores.merge(people, on="customer_id")
    after = pd.Timestamp(scores["as_of"].iloc[0], tz="UTC") + pd.Timedelta(days=1)
    return float(roc_auc_score(known["left_at"] < after, known["churn_score"]))
