"""The planted segments: what each kind of customer does, as parameters of stated distributions.

Purchases follow BG/NBD: while a customer stays, they are Poisson with a rate from ``purchase_rate``; after each one the
customer leaves with a probability from ``dropout``. Order values follow Gamma-Gamma. The pipeline never sees any of this.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gamma:
    """Purchases a day: Gamma with this shape and rate (mean shape / rate)."""

    shape: float
    rate: float


@dataclass(frozen=True)
class Beta:
    """Probability of leaving after a purchase."""

    a: float
    b: float


@dataclass(frozen=True)
class GammaGamma:
    """Order value in the shop's currency: Gamma(p, v), v the customer's own out of Gamma(q, scale); mean p * scale / (q - 1)."""

    p: float
    q: float
    scale: float


@dataclass(frozen=True)
class Segment:
    """``browsing``: sessions without a purchase, a day, while engaged. ``discounts`` and ``returns``: shares of order lines.

    ``sensitivity``: mean price elasticity of putting a viewed product into the cart, as a positive number.
    """

    name: str
    share: float
    purchase_rate: Gamma
    dropout: Beta
    spend: GammaGamma
    browsing: float
    cart: float
    discounts: float
    returns: float
    sensitivity: float
    devices: tuple[float, float, float]  # desktop, mobile, tablet


# name, share, purchase rate, dropout, spend, browsing, cart, discounts, returns, sensitivity, devices
SEGMENTS = (
    Segment("loyal", 0.12, Gamma(4, 56), Beta(1.2, 40), GammaGamma(6, 4, 45), 0.15, 1.3, 0.10, 0.03, 0.3, (0.45, 0.45, 0.10)),
    Segment("regular", 0.20, Gamma(3, 105), Beta(1.5, 20), GammaGamma(6, 4, 32), 0.09, 1.1, 0.15, 0.05, 0.5, (0.40, 0.50, 0.10)),
    Segment(
        "bargain_hunter", 0.18, Gamma(2, 50), Beta(1.5, 15), GammaGamma(5, 5, 22), 0.14, 1.2, 0.75, 0.09, 1.2, (0.20, 0.75, 0.05)
    ),
    Segment(
        "big_spender", 0.06, Gamma(3, 180), Beta(1.0, 25), GammaGamma(4, 4, 320), 0.07, 0.9, 0.05, 0.14, 0.1, (0.65, 0.25, 0.10)
    ),
    Segment(
        "occasional", 0.22, Gamma(2, 240), Beta(1.5, 8), GammaGamma(6, 4, 25), 0.035, 0.8, 0.20, 0.06, 0.5, (0.35, 0.55, 0.10)
    ),
    Segment("one_off", 0.14, Gamma(2, 40), Beta(9.0, 1.0), GammaGamma(5, 4, 24), 0.05, 0.9, 0.30, 0.10, 0.6, (0.25, 0.70, 0.05)),
    Segment(
        "window_shopper",
        0.08,
        Gamma(1, 900),
        Beta(1.0, 3.0),
        GammaGamma(5, 4, 28),
        0.18,
        0.5,
        0.25,
        0.05,
        0.8,
        (0.20, 0.70, 0.10),
    ),
)

COUNTRIES = {"DE": 0.30, "FR": 0.18, "NL": 0.12, "IT": 0.12, "ES": 0.10, "PL": 0.08, "AT": 0.05, "GB": 0.05}
CHANNELS = {"organic": 0.34, "paid": 0.20, "social": 0.16, "email": 0.14, "referral": 0.08, "direct": 0.08}
