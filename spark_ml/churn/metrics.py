"""How good probabilities of churn are, and from which one on an offer pays. Pure."""

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

TOP = 1000
BINS = 10


@dataclass(frozen=True)
class Economics:
    """What an offer costs, what a customer who stays is worth, EUR, and the share of those about to leave whom an offer keeps."""

    customer_value: float
    offer_cost: float
    offer_success: float

    def profit(self, label: np.ndarray, offered: np.ndarray) -> float:
        """Of offers to the marked customers: saved value of those who would have churned, less the cost of every offer."""
        saved = self.offer_success * self.customer_value * (label * offered).sum()
        return float(saved - self.offer_cost * offered.sum())

    def best_threshold(self, label: np.ndarray, score: np.ndarray) -> float:
        """The score from which on offers bring the most; above every score where none pays."""
        order = np.argsort(-score, kind="stable")
        gains = np.cumsum(self.offer_success * self.customer_value * label[order] - self.offer_cost)
        # Equal scores are offered together or not at all.
        last_of_equals = np.append(score[order][1:] != score[order][:-1], True)
        gains = np.where(last_of_equals, gains, -np.inf)
        best = int(np.argmax(gains))
        return float(score[order][best]) if gains[best] > 0 else float(np.nextafter(score.max(), np.inf))


@dataclass(frozen=True)
class Quality:
    """Of one model on the test set; the columns of CHURN_EVALUATION."""

    roc_auc: float
    pr_auc: float
    precision_at_top: float
    recall_at_top: float
    top: int
    f1: float
    brier: float
    threshold: float
    profit: float

    def row(self) -> dict[str, Any]:
        return asdict(self)


def quality(label: np.ndarray, score: np.ndarray, threshold: float, economics: Economics) -> Quality:
    """``score``: probability of churn per customer; ``label``: 1 churned, 0 stayed, both among them."""
    top = min(TOP, len(label))
    found = label[np.argsort(-score, kind="stable")[:top]].sum()
    offered = (score >= threshold).astype(int)
    return Quality(
        roc_auc=float(roc_auc_score(label, score)),
        pr_auc=float(average_precision_score(label, score)),
        precision_at_top=float(found / top),
        recall_at_top=float(found / label.sum()),
        top=top,
        f1=float(f1_score(label, offered, zero_division=0.0)),
        brier=float(brier_score_loss(label, score)),
        threshold=threshold,
        profit=economics.profit(label, offered),
    )


def reliability(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean probability and share of churned per tenth of the customers."""
    share, mean = calibration_curve(label, score, n_bins=BINS, strategy="quantile")
    return mean, share


def auc_interval(label: np.ndarray, score: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Of the ROC AUC, by Hanley and McNeil (Radiology 143, 1982)."""
    auc, positive = float(roc_auc_score(label, score)), float(label.sum())
    negative = len(label) - positive
    above, twice = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positive - 1) * (above - auc**2) + (negative - 1) * (twice - auc**2)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * (variance / (positive * negative)) ** 0.5
    return max(auc - half, 0.0), min(auc + half, 1.0)
