"""What the shop sells: categories, brands, products with prices, popular by Zipf's law."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Catalogue:
    """Products in order of price. ``price``: integer cents. ``popularity``: cumulative weight."""

    category: np.ndarray
    brand: np.ndarray
    price: np.ndarray
    weight: np.ndarray
    popularity: np.ndarray
    members: tuple[np.ndarray, ...]  # products of each category, most popular first

    def popular(self, rng: np.random.Generator, favourite: np.ndarray) -> np.ndarray:
        """A product for each visitor, popular ones more often; half the time out of their favourite category."""
        n = len(favourite)
        product = np.minimum(np.searchsorted(self.popularity, rng.random(n)), len(self.price) - 1)
        loyal = rng.random(n) < 0.5
        depth = np.minimum(rng.geometric(0.05, n) - 1, np.array([len(rows) for rows in self.members])[favourite] - 1)
        for category in np.unique(favourite):
            rows = loyal & (favourite == category)
            product[rows] = self.members[category][depth[rows]]
        return product

    def priced(self, rng: np.random.Generator, cents: np.ndarray) -> np.ndarray:
        """A product that costs about so much: the more popular one of two that lie near."""
        rank = np.searchsorted(self.price, cents)
        first, second = (np.clip(rank + rng.integers(-NEARBY, NEARBY + 1, len(cents)), 0, len(self.price) - 1) for _ in range(2))
        return np.where(self.weight[first] >= self.weight[second], first, second)


def make_catalogue(seed: int, products: int = PRODUCTS) -> Catalogue:
    rng = generator(seed, 1)
    category = rng.integers(0, len(CATEGORIES), products)
    median, spread = np.array(list(CATEGORIES.values())).T
    price = np.clip(median[category] * np.exp(spread[category] * rng.standard_normal(products)), CHEAPEST, DEAREST)
    cents = np.round(price * 100 / 10).astype(np.int64) * 10 - 1  # 12.39, 12.49, …
    order = np.argsort(cents, kind="stable")
    weight = rng.permutation(1.0 / np.arange(1, products + 1) ** ZIPF)
    category, cents, weight = category[order], cents[order], weight[order]
    ranked = np.argsort(-weight, kind="stable")
    return Catalogue(
        category=category,
        brand=rng.integers(0, len(BRANDS), products),
        price=cents,
        weight=weight,
        popularity=np.cumsum(weight) / weight.sum(),
        members=tuple(ranked[category[ranked] == code] for code in range(len(CATEGORIES))),
    )
