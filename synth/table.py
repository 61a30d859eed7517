"""A table of customers from CSV or Parquet: which columns are modelled, and which would name a customer."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from synth.margins import is_number

FEWEST_ROWS = 50
# Texts with more different values than this, or this share of the rows, are names, addresses or ids.
MOST_LABELS, LABEL_SHARE = 100, 0.2


class TableError(ValueError):
    """The table cannot be learnt from; the message says why."""


@dataclass(frozen=True)
class Customers:
    """``modelled``: what a synthesiser learns. ``left_out``: columns that would name a customer, or that are no single value."""

    modelled: pa.Table
    left_out: tuple[str, ...]


def read(path: Path) -> Customers:
    """TableError where the file is missing, unreadable, too small or has no column to learn."""
    if not path.is_file():
        raise TableError(f"{path} is not a file")
    try:
        table = pyarrow.parquet.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: {str(error).splitlines()[0]}") from None
    if len(table) < FEWEST_ROWS:
        raise TableError(f"{path} has {len(table)} rows, fewer than {FEWEST_ROWS}")
    if len(set(table.column_names)) < len(table.column_names):
        raise TableError(f"{path} has two columns of one name")
    decoded = pa.table({name: _plain(table[name]) for name in table.column_names})
    names = [name for name in decoded.column_names if _is_learnt(name, decoded[name])]
    if not names:
        raise TableError(f"{path} has no column of numbers, times or labels")
    return Customers(decoded.select(names), tuple(name for name in decoded.column_names if name not in names))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_learnt(name: str, column: pa.ChunkedArray) -> bool:
    kind, different = column.type, 0
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_null(kind):
        return False
    different = pc.count_distinct(column).as_py()
    if is_number(kind):
        # A whole number that differs in every row is an id.
        return not (pa.types.is_integer(kind) and different == len(column) and name.lower().endswith("id"))
    return different <= min(MOST_LABELS, LABEL_SHARE * len(column))
