"""Stability of a clustering: the index is scikit-learn's, and a wrong number of clusters is told from the right one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from spark_ml.in_memory import cost, k_means, nearest, silhouette
from spark_ml.stability import STABLE_FROM, adjusted_rand, stability

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


def groups(number: int, points: int = 600, apart: float = 6.0, seed: int = 0) -> np.ndarray:
    """Points around centres at the corners of a cube."""
    random = np.random.default_rng(seed)
    corners = apart * np.array([[number >> bit & 1 for bit in range(3)] for number in range(number)])
    return corners[random.integers(0, number, points)] + random.normal(0, 1, (points, 3))


def centres(points: np.ndarray, k: int) -> np.ndarray:
    return k_means(points, k, np.random.default_rng(1))


@given(LABELS)
def test_the_adjusted_rand_index_is_the_usual_one(labels: list[tuple[int, int]]):
    left, right = np.array(labels).T
    assert adjusted_rand(left, right) == pytest.approx(adjusted_rand_score(left, right))


@given(LABELS, st.permutations(range(5)))
def test_the_index_is_symmetric_and_does_not_know_the_numbers(labels: list[tuple[int, int]], others: list[int]):
    left, right = np.array(labels).T
    assert adjusted_rand(left, right) == pytest.approx(adjusted_rand(right, np.array(others)[left]))
    assert adjusted_rand(left, np.array(others)[left]) == pytest.approx(1.0)


@pytest.mark.parametrize("k", [2, 5, 8])
def test_clusterings_made_anew_are_as_cheap_as_scikit_learn_s(k: int):
    points = groups(5)
    found = centres(points, k)
    assert cost(points, found) == pytest.approx(((points - found[nearest(points, found)]) ** 2).sum())
    assert cost(points, found) <= 1.1 * KMeans(k, n_init=3, random_state=0).fit(points).inertia_


@given(st.lists(st.integers(0, 2), min_size=3, max_size=30), st.integers(0, 1000))
def test_the_silhouette_is_the_usual_one(labels: list[int], seed: int):
    """Of any labels with clusters of one point among them, and points that lie on each other."""
    given = np.array([0, 1, 2, *labels])
    points = np.random.default_rng(seed).integers(0, 5, (len(given), 3)).astype(float)
    assert silhouette(points, given, 3) == pytest.approx(silhouette_score(points, given, metric="sqeuclidean"))


def test_what_is_there_is_stable_and_what_is_not_is_not():
    points = groups(5)
    found = {k: stability(points, centres(points, k), seed=0).worst for k in range(2, 9)}
    assert found[5] > 0.99
    assert found[5] == max(found.values())
    assert min(found[7], found[8]) < STABLE_FROM
    blob = groups(1)
    assert stability(blob, centres(blob, 6), seed=0).worst < STABLE_FROM


def test_the_same_seed_gives_the_same_and_few_points_do_not_break_it():
    points = groups(3)
    assert stability(points, centres(points, 4), seed=7) == stability(points, centres(points, 4), seed=7)
    few = np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0], [5.0, 5.0]])
    assert 0 <= stability(few, centres(few, 2), seed=0).seeds <= 1
    assert len(k_means(few, 4, np.random.default_rng(0))) == 4
