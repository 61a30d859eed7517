"""The planted shifts: days on which the shop or its visitors change, for alarms to find."""

from dataclasses import dataclass

from generators.span import Span


@dataclass(frozen=True)
class Shift:
    """``subject``: whom or what it concerns, as its field of the events has it. ``effect``: its size, as ``meaning`` says."""

    name: str
    span: Span
    field: str
    subject: tuple[str, ...]
    effect: float
    meaning: str


PRICE_RISE = Shift("price_rise", Span(0.70), "category", ("clothing", "shoes"), 0.12, "prices rise by this share, for good")
CAMPAIGN = Shift("campaign", Span(0.50, 0.55), "channel", ("paid",), 0.8, "so many more visits, which bring no purchases")
CHECKOUT_BUG = Shift("checkout_bug", Span(0.86, 0.90), "device", ("mobile",), 0.5, "share of payments that do not go through")
SHIFTS = (PRICE_RISE, CAMPAIGN, CHECKOUT_BUG)
