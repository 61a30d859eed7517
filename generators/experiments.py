"""The planted experiments: who sees what, from when to when, and how much more they buy for it.

A treatment makes some visitors who came to look, and have put something into the cart, buy it. Visits and carts stay as many,
and purchases become ``1 + uplift`` times as many in the mean, so that the rate cart -> purchase rises by that factor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from contracts.experiments import BUCKETS, CONTROL, bucket
from generators.clock import moment
from generators.customers import Customers, customer_id
from generators.segments import SEGMENTS
from generators.span import Period, Span


@dataclass(frozen=True)
class Variant:
    """``buckets``: first, and the one before which they end. ``uplift``: of purchases, by segment; 0 where none is named."""

    name: str
    buckets: tuple[int, int]
    uplift: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    name: str
    span: Span
    variants: tuple[Variant, ...]


HALF = BUCKETS // 2
EXPERIMENTS = (
    # A/A: both halves see the same.
    Experiment("same_page", Span(0.10, 0.30), (Variant(CONTROL, (0, HALF)), Variant("same", (HALF, BUCKETS)))),
    Experiment(
        "one_page_checkout",
        Span(0.35, 0.65),
        (
            Variant(CONTROL, (0, HALF)),
            Variant(
                "one_page",
                (HALF, BUCKETS),
                {"loyal": 0.06, "regular": 0.12, "bargain_hunter": 0.12, "occasional": 0.15, "one_off": 0.05},
            ),
        ),
    ),
    # Still running, for four customers in ten; it moves one segment only.
    Experiment(
        "free_delivery",
        Span(0.75),
        (Variant(CONTROL, (0, 2_000)), Variant("free_delivery", (2_000, 4_000), {"bargain_hunter": 0.15})),
    ),
)


class Trials:
    """The experiments of one world."""

    def __init__(self, people: Customers, start: int, end: int) -> None:
        self.periods: dict[str, Period] = {each.name: each.span.within(start, end) for each in EXPERIMENTS}
        effective = [each for each in EXPERIMENTS if any(variant.uplift for variant in each.variants)]
        self._uplift = {each.name: _uplift(each, people.segment) for each in effective}

    def uplift(self, now: int) -> np.ndarray | None:
        """Of each customer's purchases, by all experiments together; None while none has an effect."""
        running = [uplift for name, uplift in self._uplift.items() if now in self.periods[name]]
        return np.prod([1 + uplift for uplift in running], axis=0) - 1 if running else None

    def rows(self) -> list[tuple]:
        """Of shop.experiments, in the order of its columns in the contract."""
        return [
            (
                each.name,
                variant.name,
                *variant.buckets,
                moment(period.begins),
                None if period.ends is None else moment(period.ends),
            )
            for each, period in ((each, self.periods[each.name]) for each in EXPERIMENTS)
            for variant in each.variants
        ]


def _uplift(experiment: Experiment, segment: np.ndarray) -> np.ndarray:
    """Of each customer, 0 for who sees no variant."""
    planted = np.array([[variant.uplift.get(each.name, 0.0) for each in SEGMENTS] for variant in experiment.variants])
    place = np.array([bucket(experiment.name, customer_id(number)) for number in range(len(segment))])
    result = np.zeros(len(segment))
    for (low, high), uplift in zip((variant.buckets for variant in experiment.variants), planted, strict=True):
        rows = (place >= low) & (place < high)
        result[rows] = uplift[segment[rows]]
    return result
