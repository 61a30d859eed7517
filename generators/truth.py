"""What is planted, in Parquet beside the ledger: what an analysis should find and never sees.

``customers``: one row each. ``experiments``: one row per variant and segment. ``shifts``: one row each.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generators.customers import REAL_DEVICES, Customers, customer_id
from generators.experiments import EXPERIMENTS
from generators.segments import CHANNELS, COUNTRIES, SEGMENTS
from generators.shifts import SHIFTS
from generators.world import World

INSTANT = pa.timestamp("ms", tz="UTC")


def write_truth(truth: Path, world: World) -> None:
    truth.mkdir(parents=True, exist_ok=True)
    tables = {"customers": customers(world.customers), "experiments": experiments(world), "shifts": shifts(world)}
    for name, table in tables.items():
        unfinished = truth / f"{name}.parquet.unfinished"
        pq.write_table(table, unfinished)
        unfinished.rename(truth / f"{name}.parquet")


def customers(people: Customers) -> pa.Table:
    """``spend_rate``: the v of Gamma-Gamma, per unit of currency; ``mean_order_value``: what it makes, p / v.
    ``birthday``: days after the first of January."""

    def label(names: list[str], codes: np.ndarray) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), names)

    shape = np.array([segment.spend.p for segment in SEGMENTS])[people.segment]
    return pa.table(
        {
            "customer_id": [customer_id(number) for number in range(len(people))],
            "segment": label([segment.name for segment in SEGMENTS], people.segment),
            "registered_at": pa.array(people.registered, INSTANT),
            "left_at": pa.array(people.left, INSTANT),
            "purchases_per_day": people.rate,
            "dropout": people.dropout,
            "spend_rate": people.spend_rate,
            "mean_order_value": shape / people.spend_rate,
            "price_sensitivity": people.sensitivity,
            "birthday": people.birthday,
            "device": label(list(REAL_DEVICES), people.device),
            "country": label(list(COUNTRIES), people.country),
            "channel": label(list(CHANNELS), people.channel),
        }
    )


def experiments(world: World) -> pa.Table:
    """``uplift``: of purchases against control, as a share."""
    return _table(
        (
            ("experiment", pa.string(), lambda row: row[0].name),
            ("variant", pa.string(), lambda row: row[1].name),
            ("segment", pa.string(), lambda row: row[2].name),
            ("bucket_from", pa.int32(), lambda row: row[1].buckets[0]),
            ("bucket_to", pa.int32(), lambda row: row[1].buckets[1]),
            ("started_at", INSTANT, lambda row: world.trials.periods[row[0].name].begins),
            ("ended_at", INSTANT, lambda row: world.trials.periods[row[0].name].ends),
            ("uplift", pa.float64(), lambda row: row[1].uplift.get(row[2].name, 0.0)),
        ),
        [(each, variant, segment) for each in EXPERIMENTS for variant in each.variants for segment in SEGMENTS],
    )


def shifts(world: World) -> pa.Table:
    return _table(
        (
            ("shift", pa.string(), lambda shift: shift.name),
            ("started_at", INSTANT, lambda shift: world.shifts[shift.name].begins),
            ("ended_at", INSTANT, lambda shift: world.shifts[shift.name].ends),
            ("field", pa.string(), lambda shift: shift.field),
            ("subject", pa.list_(pa.string()), lambda shift: list(shift.subject)),
            ("effect", pa.float64(), lambda shift: shift.effect),
            ("meaning", pa.string(), lambda shift: shift.meaning),
        ),
        SHIFTS,
    )


def _table(columns: Sequence[tuple[str, pa.DataType, Callable]], rows: Iterable) -> pa.Table:
    """``columns``: name, type, and what makes the value of a row."""
    given = list(rows)
    return pa.table({name: pa.array([value(row) for row in given], kind) for name, kind, value in columns})
