"""What the shop sells: categories, brands, products with prices, popular by Zipf's law."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from generators.chance import generator

# Category: median price (in the shop's currency) and spread of its logarithm.
CATEGORIES = {
    "accessories": (12.0, 0.6),
    "beauty": (18.0, 0.6),
    "books": (14.0, 0.4),
    "clothing": (38.0, 0.6),
    "electronics": (180.0, 0.9),
    "furniture": (240.0, 0.8),
    "garden": (45.0, 0.8),
    "grocery": (7.0, 0.5),
    "home": (30.0, 0.7),
    "shoes": (65.0, 0.5),
    "sports": (50.0, 0.7),
    "toys": (24.0, 0.6),
}
BRANDS = (
    "acorn", "alba", "brio", "cedar", "corvo", "delta", "ember", "fjord", "gala", "harbor", "iris", "juno",
    "kestrel", "lumen", "mistral", "nova", "orla", "pine", "quill", "rowan", "sol", "terra", "umber", "vela",
)  # fmt: skip
PRODUCTS = 3_000
ZIPF = 1.05
CHEAPEST, DEAREST = 1.5, 4_000.0
# How far in the order of prices a product may lie from the price looked for.
NEARBY = 10
# Share of views that stay in the visitor's favourite category, and how fast interest there falls with the rank of a product.
LOYAL, RANK_DECAY = 0.5, 0.05
# A low price makes a product so much likelier at most to go into the cart.
LARGEST_APPEAL = 2.0
_SENSITIVITIES = np.linspace(0.0, 4.0, 41)


@dataclass(frozen=True)
class Catalogue:
    """Products by number. ``price``: integer cents. ``popularity``: cumulative weight.

    ``dearness``: logarithm of the price over the usual one of its category. ``offset``: what tells this price list from others
    in events, which name a product by ``offset`` + number.
    """

    category: np.ndarray
    brand: np.ndarray
    price: np.ndarray
    weight: np.ndarray
    popularity: np.ndarray
    by_price: np.ndarray  # products in order of price
    members: np.ndarray  # by category and rank, the most popular first; a shorter category repeats its last
    dearness: np.ndarray
    usual_appeal: np.ndarray  # mean over what is viewed, by _SENSITIVITIES
    offset: int = 0

    def __len__(self) -> int:
        return len(self.price)

    def popular(self, rng: np.random.Generator, favourite: np.ndarray) -> np.ndarray:
        """A product for each visitor, popular ones more often; half the time out of their favourite category."""
        n = len(favourite)
        product = np.minimum(np.searchsorted(self.popularity, rng.random(n)), len(self) - 1)
        depth = np.minimum(rng.geometric(RANK_DECAY, n) - 1, self.members.shape[1] - 1)
        return np.where(rng.random(n) < LOYAL, self.members[favourite, depth], product)

    def priced(self, rng: np.random.Generator, cents: np.ndarray) -> np.ndarray:
        """A product that costs about so much: the more popular one of two that lie near."""
        rank = np.searchsorted(self.price, cents, sorter=self.by_price)
        near = (np.clip(rank + rng.integers(-NEARBY, NEARBY + 1, len(cents)), 0, len(self) - 1) for _ in range(2))
        first, second = (self.by_price[place] for place in near)
        return np.where(self.weight[first] >= self.weight[second], first, second)

    def appeal(self, product: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
        """How much likelier than usual a visitor puts the product into the cart: its price over the usual one to the power of
        -``sensitivity``, capped; 1 in the mean over what is viewed at the first price list."""
        return _appeal(self.dearness[product], sensitivity) / np.interp(sensitivity, _SENSITIVITIES, self.usual_appeal)

    def raised(self, categories: Collection[str], factor: float) -> "Catalogue":
        """The next price list, in which products of these categories cost so much more; whole cents."""
        concerned = np.isin(self.category, [code for code, name in enumerate(CATEGORIES) if name in categories])
        price = np.where(concerned, np.round(self.price * factor).astype(np.int64), self.price)
        return replace(
            self,
            price=price,
            by_price=np.argsort(price, kind="stable"),
            dearness=self.dearness + np.log(price / self.price),
            offset=self.offset + len(self),
        )


def _appeal(dearness: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    return np.exp(np.minimum(-sensitivity * dearness, np.log(LARGEST_APPEAL)))


def make_catalogue(seed: int, products: int = PRODUCTS) -> Catalogue:
    rng = generator(seed, 1)
    category = rng.integers(0, len(CATEGORIES), products)
    median, spread = np.array(list(CATEGORIES.values())).T
    price = np.clip(median[category] * np.exp(spread[category] * rng.standard_normal(products)), CHEAPEST, DEAREST)
    cents = np.round(price * 100 / 10).astype(np.int64) * 10 - 1  # 12.39, 12.49, …
    order = np.argsort(cents, kind="stable")
    weight = rng.permutation(1.0 / np.arange(1, products + 1) ** ZIPF)
    category, cents, weight = category[order], cents[order], weight[order]
    members = _members(category, weight)
    viewed = _viewed(weight, members)
    logarithm = np.log(cents)
    usual = np.bincount(category, viewed * logarithm, len(CATEGORIES)) / np.bincount(category, viewed, len(CATEGORIES))
    dearness = logarithm - usual[category]
    return Catalogue(
        category=category,
        brand=rng.integers(0, len(BRANDS), products),
        price=cents,
        weight=weight,
        popularity=np.cumsum(weight) / weight.sum(),
        by_price=np.arange(products),
        members=members,
        dearness=dearness,
        usual_appeal=np.array([viewed @ _appeal(dearness, sensitivity) for sensitivity in _SENSITIVITIES]),
    )


def _members(category: np.ndarray, weight: np.ndarray) -> np.ndarray:
    ranked = np.argsort(-weight, kind="stable")
    rows = [ranked[category[ranked] == code] for code in range(len(CATEGORIES))]
    longest = max(map(len, rows))
    return np.array([np.pad(row, (0, longest - len(row)), mode="edge") for row in rows])


def _viewed(weight: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Probability of each product to be the one that ``popular`` gives, over all favourite categories alike."""
    rank = RANK_DECAY * (1 - RANK_DECAY) ** np.arange(members.shape[1])
    rank[-1] = 1 - rank[:-1].sum()
    loyal = np.bincount(members.ravel(), np.tile(rank, len(members)), len(weight)) / len(members)
    return (1 - LOYAL) * weight / weight.sum() + LOYAL * loyal
