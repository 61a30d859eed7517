"""The synthesiser: a margin for each column, and a vine copula that ties them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyvinecopulib as pv

from synth.margins import Margin, margin

# Rows the copula is fitted to; more add time, not closeness.
LARGEST_SAMPLE = 10_000
# No shape is assumed of a pair: labels have no order of their own, so that dependence may rise and fall.
FAMILIES = [pv.families.tll]
# Trees of the vine: beyond these, pairs given that many others count as independent.
TREES = 5
EDGE = 1e-6


@dataclass(frozen=True)
class Synthesiser:
    margins: tuple[Margin, ...]
    copula: pv.Vinecop | None

    def sample(self, rows: int, seed: int) -> pa.Table:
        """New customers; the same seed gives the same ones."""
        if self.copula is None:
            places = np.random.default_rng(seed).random((rows, 1))
        else:
            places = self.copula.simulate(rows, seeds=[seed % 2**31, seed // 2**31 % 2**31])
        return pa.table({each.name: each.value_at(places[:, i]) for i, each in enumerate(self.margins)})


def fit(table: pa.Table, seed: int = 1) -> Synthesiser:
    """``table``: columns of numbers, times and labels, see ``synth.table``."""
    rng = np.random.default_rng(seed)
    margins, places = zip(*(margin(name, table[name], rng) for name in table.column_names), strict=True)
    if len(margins) == 1:
        return Synthesiser(margins, None)
    data = np.clip(np.column_stack(places), EDGE, 1 - EDGE)
    chosen = rng.permutation(len(data))[:LARGEST_SAMPLE]
    controls = pv.FitControlsVinecop(family_set=FAMILIES, trunc_lvl=TREES, selection_criterion="bic")
    return Synthesiser(margins, pv.Vinecop.from_data(data[chosen], controls=controls))
