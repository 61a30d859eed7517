"""Which segment of the run before a cluster continues, so that a segment's number outlives its run. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

# Share of the customers of either that both must have in common: the larger half of a segment that was cut in two goes on as it.
LEAST_OVERLAP = 0.3


def overlaps(common: Mapping[tuple[int, int], int]) -> dict[tuple[int, int], float]:
    """Jaccard index of each cluster and segment: customers in both by customers in either.

    ``common`` counts the customers of both runs by cluster and segment; who is in one run alone says nothing here.
    """
    clusters: Counter[int] = Counter()
    segments: Counter[int] = Counter()
    for (cluster, segment), customers in common.items():
        clusters[cluster] += customers
        segments[segment] += customers
    return {
        (cluster, segment): customers / (clusters[cluster] + segments[segment] - customers)
        for (cluster, segment), customers in common.items()
        if customers
    }


def match(overlap: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Segment by cluster: the one-to-one assignment with the greatest sum of overlaps of LEAST_OVERLAP and more.

    Solved exactly, cluster by cluster over the sets of segments that are taken: since overlaps of a cluster add up to little
    more than 1, few segments are open to it.
    """
    open_to: dict[int, list[int]] = {}
    for cluster, segment in sorted(overlap):
        if overlap[cluster, segment] >= LEAST_OVERLAP:
            open_to.setdefault(cluster, []).append(segment)
    # By the segments taken so far: the greatest sum, and what makes it.
    best: dict[frozenset[int], tuple[float, dict[int, int]]] = {frozenset(): (0.0, {})}
    for cluster, segments in open_to.items():
        for taken, (total, chosen) in list(best.items()):
            for segment in segments:
                both = taken | {segment}
                if segment not in taken and total + overlap[cluster, segment] > best.get(both, (0.0, {}))[0]:
                    best[both] = total + overlap[cluster, segment], chosen | {cluster: segment}
    return max(best.values(), key=lambda found: found[0])[1]


def numbers(clusters: Sequence[int], matched: Mapping[int, int], highest: int) -> dict[int, int]:
    """The segment's number by cluster: that of the segment it continues, else the next after ``highest``, of all runs."""
    fresh = (cluster for cluster in clusters if cluster not in matched)
    return {**matched, **{cluster: highest + place for place, cluster in enumerate(fresh, start=1)}}
