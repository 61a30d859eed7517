"""Names of segments from their profiles. Pure: the same profiles get the same names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from contracts.ml import (
    CART_ABANDON_RATE,
    CATEGORIES,
    DISCOUNT_SHARE,
    ORDER_VALUE,
    ORDERS,
    RECENCY,
    RETURN_RATE,
    REVENUE,
    SESSIONS_90D,
)

# A segment stands out in a feature from half a standard deviation on; strongly from three quarters.
STANDS_OUT, STRONGLY = 0.5, 0.75

# What a high and a low value mean in words.
WORDS = {
    RECENCY.name: ("long away", "here lately"),
    ORDERS.name: ("many orders", "few orders"),
    REVENUE.name: ("high revenue", "low revenue"),
    ORDER_VALUE.name: ("large orders", "small orders"),
    SESSIONS_90D.name: ("visits often", "visits seldom"),
    CART_ABANDON_RATE.name: ("abandons carts", "finishes carts"),
    CATEGORIES.name: ("buys across categories", "keeps to few categories"),
    DISCOUNT_SHARE.name: ("buys at a discount", "pays full price"),
    RETURN_RATE.name: ("returns often", "keeps purchases"),
}


@dataclass(frozen=True)
class Profile:
    """A segment: ``position`` is the centre per feature, in standard deviations from the mean of all customers."""

    segment: int
    customers: int
    share: float
    revenue: float
    revenue_share: float
    mean: Mapping[str, float]
    median: Mapping[str, float]
    position: Mapping[str, float]

    def at(self, feature: str) -> float:
        """0 for a feature that was left out."""
        return self.position.get(feature, 0.0)

    @property
    def bought_once(self) -> bool:
        return self.median[ORDERS.name] <= 1


# The first that fits names the segment.
RULES: tuple[tuple[str, Callable[[Profile], bool]], ...] = (
    ("Champions", lambda p: min(p.at(ORDERS.name), p.at(REVENUE.name)) >= STRONGLY and p.at(RECENCY.name) <= 0),
    (
        "At risk",
        lambda p: not p.bought_once and p.at(RECENCY.name) >= STANDS_OUT and max(p.at(ORDERS.name), p.at(REVENUE.name)) >= 0,
    ),
    ("Bargain hunters", lambda p: p.at(DISCOUNT_SHARE.name) >= STRONGLY),
    ("Frequent returners", lambda p: p.at(RETURN_RATE.name) >= STRONGLY),
    ("Big spenders", lambda p: p.at(ORDER_VALUE.name) >= STRONGLY and p.at(RECENCY.name) < STANDS_OUT),
    ("Loyal", lambda p: p.at(ORDERS.name) >= STANDS_OUT / 2 and p.at(RECENCY.name) <= STANDS_OUT / 2),
    ("One-time, lapsed", lambda p: p.bought_once and p.at(RECENCY.name) >= STANDS_OUT),
    ("Newcomers", lambda p: p.bought_once and p.at(RECENCY.name) <= -STANDS_OUT / 2),
    ("One-time", lambda p: p.bought_once),
    ("Lost", lambda p: p.at(RECENCY.name) >= STANDS_OUT and max(p.at(ORDERS.name), p.at(REVENUE.name)) < 0),
    ("Window shoppers", lambda p: p.at(SESSIONS_90D.name) >= STANDS_OUT and p.at(ORDERS.name) < 0),
    ("Active", lambda p: p.at(RECENCY.name) <= -STANDS_OUT / 2),
)
ORDINARY = "Occasional"


def names(profiles: Sequence[Profile], before: Mapping[int, str] | None = None) -> dict[int, str]:
    """A unique name for each segment, by its profile. Where several want a name, the one that had it in the run ``before``
    has the first choice, then the one with more revenue a customer."""
    held = before or {}
    taken: dict[str, Profile] = {}

    def claim(profile: Profile) -> tuple[bool, float, int]:
        return held.get(profile.segment) != _fitting(profile)[0], -profile.mean[REVENUE.name], profile.segment

    for profile in sorted(profiles, key=claim):
        free = [name for name in _fitting(profile) if name not in taken]
        taken[free[0] if free else _qualified(_fitting(profile)[0], profile, taken, held.get(profile.segment))] = profile
    return {profile.segment: name for name, profile in taken.items()}


def _fitting(profile: Profile) -> list[str]:
    return [name for name, fits in RULES if fits(profile)] or [ORDINARY]


def _qualified(name: str, profile: Profile, taken: Mapping[str, Profile], had: str | None) -> str:
    """The name with what sets the segment apart from the holder, or a number; as it ``had`` it where that holds."""
    holder = taken[name]
    differences = sorted(WORDS, key=lambda feature: -abs(profile.at(feature) - holder.at(feature)))
    words = (WORDS[feature][profile.at(feature) < holder.at(feature)] for feature in differences)
    numbers = (str(number) for number in range(2, len(taken) + 3))
    free = [each for each in (*(f"{name}, {word}" for word in words), *(f"{name} {n}" for n in numbers)) if each not in taken]
    return had if had in free else free[0]


def meaning(profile: Profile) -> str:
    """The profile in a sentence or two, by medians, then what stands out most."""
    median = profile.median
    typical = (
        f"Half bought within the last {_counted(max(median[RECENCY.name], 1), 'day')}; "
        f"typically {_counted(median[ORDERS.name], 'order')} and {median[REVENUE.name]:,.0f} {REVENUE.unit} net, "
        f"{median[ORDER_VALUE.name]:,.0f} {ORDER_VALUE.unit} an order."
    )
    standing_out = sorted((f for f in WORDS if abs(profile.at(f)) >= STANDS_OUT), key=lambda f: -abs(profile.at(f)))[:4]
    if not standing_out:
        return f"{typical} Close to the average customer."
    words = ", ".join(WORDS[feature][profile.at(feature) < 0] for feature in standing_out)
    return f"{typical} {words[0].upper()}{words[1:]}."


def _counted(number: float, noun: str) -> str:
    return f"{number:,.0f} {noun}{'' if round(number) == 1 else 's'}"
