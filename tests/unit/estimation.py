"""Estimation for the statistical tests: maximum likelihood in plain numpy, and how often an interval holds the truth."""

from collections.abc import Callable
from math import comb, lgamma

import numpy as np

# Quantiles: 97.5 % of the standard normal, 95 % of chi-squared by its degrees of freedom, of Kolmogorov's distribution.
NORMAL_975 = 1.960
CHI2_95 = {3: 7.815, 4: 9.488}
KOLMOGOROV_95 = 1.358


def log_gamma(x: np.ndarray) -> np.ndarray:
    """Of few distinct values, each computed once."""
    values, place = np.unique(x, return_inverse=True)
    return np.array([lgamma(value) for value in values.tolist()])[place]


def maximum(log_likelihood: Callable[[np.ndarray], float], start: np.ndarray) -> float:
    """The largest value near ``start``, over positive parameters: Newton's method on their logarithms, with halved steps."""

    def value(logs: np.ndarray) -> float:
        return log_likelihood(np.exp(logs))

    here = np.log(start)
    best = value(here)
    for _ in range(40):
        gradient, hessian = _derivatives(value, here)
        curvature, axes = np.linalg.eigh(-hessian)
        step = axes @ ((axes.T @ gradient) / np.maximum(np.abs(curvature), 1e-3))
        step *= min(1.0, 1.0 / np.abs(step).max())
        while (reached := value(here + step)) < best and np.abs(step).max() > 1e-7:
            step /= 2
        if reached - best < 1e-5:
            break
        here, best = here + step, reached
    return best


def _derivatives(value: Callable[[np.ndarray], float], here: np.ndarray, h: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian by central differences."""
    n, steps = len(here), np.eye(len(here)) * h
    up, down, middle = [value(here + step) for step in steps], [value(here - step) for step in steps], value(here)
    gradient = (np.array(up) - np.array(down)) / (2 * h)
    hessian = np.diag((np.array(up) + np.array(down) - 2 * middle) / h**2)
    for i in range(n):
        for j in range(i):
            mixed = value(here + steps[i] + steps[j]) - up[i] - up[j] + 2 * middle - down[i] - down[j]
            hessian[i, j] = hessian[j, i] = (mixed + value(here - steps[i] - steps[j])) / (2 * h**2)
    return gradient, hessian


def bg_nbd(purchases: np.ndarray, last: np.ndarray, observed: np.ndarray) -> Callable[[np.ndarray], float]:
    """Log-likelihood of (r, alpha, a, b): Fader, Hardie and Lee 2005, equation 6.

    ``last``: time of the last purchase, 0 for none; ``observed``: how long; both from the start of each customer.
    """

    def log_likelihood(parameters: np.ndarray) -> float:
        r, alpha, a, b = parameters
        x = purchases
        common = (
            log_gamma(r + x) - lgamma(r) + r * np.log(alpha) + lgamma(a + b) - lgamma(b) + log_gamma(b + x) - log_gamma(a + b + x)
        )
        stays = -(r + x) * np.log(alpha + observed)
        left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last)
        return float(np.sum(common + np.where(x > 0, np.logaddexp(stays, left), stays)))

    return log_likelihood


def gamma_gamma(orders: np.ndarray, mean: np.ndarray) -> Callable[[np.ndarray], float]:
    """Log-likelihood of (p, q, scale): Fader and Hardie 2013, equation 1a.

    ``mean``: of each customer's ``orders`` order values.
    """

    def log_likelihood(parameters: np.ndarray) -> float:
        p, q, scale = parameters
        shape = p * orders
        return float(
            np.sum(
                log_gamma(shape + q) - log_gamma(shape) - lgamma(q) + q * np.log(scale) + (shape - 1) * np.log(mean)
                + shape * np.log(orders) - (shape + q) * np.log(scale + orders * mean)
            )
        )  # fmt: skip

    return log_likelihood


def nominal(misses: int, trials: int, rate: float = 0.05) -> bool:
    """Whether so many misses are what intervals of this rate give: neither tail is rarer than one in a thousand."""
    chances = [comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(trials + 1)]
    return min(sum(chances[: misses + 1]), sum(chances[misses:])) > 0.001
