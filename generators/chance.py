"""Draws that depend on what they are for, not on what was drawn before.

``uniform(seed, purpose, customer, k)`` is the same number in every run and on every machine, so a customer's k-th purchase
can be computed without the first k-1, by any part of the simulator, in any order.
"""

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(seed: int, purpose: int, *indices: np.ndarray | int) -> np.ndarray:
    """Numbers in (0, 1), one for each combination of the broadcast indices."""
    with np.errstate(over="ignore"):
        state = _mix(np.atleast_1d(np.uint64(seed % 2**64)) + _GOLDEN * np.uint64(purpose + 1))
        for index in indices:
            state = _mix(state + _GOLDEN * (np.asarray(index).astype(np.uint64) + np.uint64(1)))
    return ((state >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52


def generator(seed: int, *path: int) -> np.random.Generator:
    """A numpy generator of its own for one purpose, for example one day."""
    return np.random.default_rng([seed, *path])
