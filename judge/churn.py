"""The churn model against the best that anybody could do who knows the simulator's latent state, but not its dice."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from contracts.churn import LABEL_DAYS
from lakehouse.errors import LakeError

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


def ceiling(people: pd.DataFrame, tested: pd.DataFrame, model: str, cutoff: date) -> Ceiling:
    """Both on the same customers: those of the test set who are no guests. LakeError where they do not tell one from the other.

    ``tested``: customer, label and the model's score, a row a customer of the test set.
    """
    known = tested.merge(people, on="customer_id")
    if known["label"].nunique() != 2:
        raise LakeError(f"{len(known):,} of the {len(tested):,} customers tested at {cutoff} are planted, not with both outcomes")
    best = roc_auc_score(known["label"], chance_of_silence(known, cutoff))
    return Ceiling(model, float(roc_auc_score(known["label"], known["score"])), float(best))


def against_the_gone(people: pd.DataFrame, scores: pd.DataFrame) -> float:
    """ROC AUC of today's scores against who has really left."""
    known = scores.merge(people, on="customer_id")
    after = pd.Timestamp(scores["as_of"].iloc[0], tz="UTC") + pd.Timedelta(days=1)
    return float(roc_auc_score(known["left_at"] < after, known["churn_score"]))
