"""Segments that outlive their run: the assignment is the best there is, and what it means for customers."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from spark_ml.matching import LEAST_OVERLAP, match, numbers, overlaps

# Customers of both runs by cluster and segment of the run before.
COMMON = st.dictionaries(st.tuples(st.integers(0, 7), st.integers(1, 8)), st.integers(0, 500), max_size=40)


def dense(overlap: dict[tuple[int, int], float]) -> np.ndarray:
    """Clusters x segments, 0 below the least overlap."""
    table = np.zeros((8, 8))
    for (cluster, segment), value in overlap.items():
        table[cluster, segment - 1] = value if value >= LEAST_OVERLAP else 0.0
    return table


@given(COMMON)
def test_no_other_assignment_has_more_in_common(common: dict[tuple[int, int], int]):
    overlap = overlaps(common)
    table = dense(overlap)
    matched = match(overlap)
    assert len(set(matched.values())) == len(matched)
    assert all(overlap[pair] >= LEAST_OVERLAP for pair in matched.items())
    best = table[linear_sum_assignment(table, maximize=True)].sum()
    assert np.isclose(sum(overlap[pair] for pair in matched.items()), best)


@given(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(1, 6)), st.floats(0, 1), max_size=36))
def test_the_best_is_found_for_any_weights(overlap: dict[tuple[int, int], float]):
    """Beyond what Jaccard indices can be: many segments open to each cluster."""
    table = dense(overlap)
    assert np.isclose(
        sum(overlap[pair] for pair in match(overlap).items()), table[linear_sum_assignment(table, maximize=True)].sum()
    )


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), max_size=60))
def test_the_overlap_is_the_share_of_the_customers_of_either(customers: list[tuple[int, int]]):
    frame = pd.DataFrame(customers, columns=["cluster", "segment"])
    found = overlaps({pair: len(rows) for pair, rows in frame.groupby(["cluster", "segment"])})
    for (cluster, segment), value in found.items():
        mine, theirs = set(frame.index[frame["cluster"] == cluster]), set(frame.index[frame["segment"] == segment])
        assert value == len(mine & theirs) / len(mine | theirs)


@given(COMMON, st.permutations(range(8)), st.integers(8, 40))
def test_numbers_are_unique_never_used_before_where_new_and_the_same_however_clusters_are_numbered(
    common: dict[tuple[int, int], int], others: list[int], highest: int
):
    matched = match(overlaps(common))
    given_numbers = numbers(range(8), matched, highest)
    assert set(given_numbers) == set(range(8))
    assert len(set(given_numbers.values())) == 8
    fresh = {number for cluster, number in given_numbers.items() if cluster not in matched}
    assert fresh == set(range(highest + 1, highest + 1 + len(fresh)))
    renamed = match(overlaps({(others[cluster], segment): count for (cluster, segment), count in common.items()}))
    total = sum(overlaps(common)[pair] for pair in matched.items())
    turned = overlaps({(others[cluster], segment): count for (cluster, segment), count in common.items()})
    assert np.isclose(sum(turned[pair] for pair in renamed.items()), total)


def test_a_segment_goes_on_through_growth_split_and_merger():
    moved_a_little = {(0, 2): 90, (0, 1): 10, (1, 1): 95, (1, 2): 5}
    assert match(overlaps(moved_a_little)) == {0: 2, 1: 1}
    cut_in_two = {(0, 1): 60, (1, 1): 40, (2, 2): 100}
    assert match(overlaps(cut_in_two)) == {0: 1, 2: 2}
    assert numbers([0, 1, 2], {0: 1, 2: 2}, highest=5) == {0: 1, 1: 6, 2: 2}
    two_in_one = {(0, 1): 60, (0, 2): 40, (1, 3): 100}
    assert match(overlaps(two_in_one)) == {0: 1, 1: 3}
    scattered = {(cluster, segment): 25 for cluster in range(4) for segment in range(1, 5)}
    assert match(overlaps(scattered)) == {}
    assert numbers([3, 1], {}, highest=0) == {3: 1, 1: 2}
