"""What the lake holds of a run, as JSON: ``python -m lakehouse.check --run-id R``. Read by ``make verify``."""

import argparse
import json
import sys

import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import AlwaysTrue, EqualTo

from contracts.lake import CUSTOMER_FEATURES, EXPORTED_MARTS, RUN_ID
from contracts.ml import CUSTOMER_SEGMENTS
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.program import exit_code


def check(catalog: Catalog, run_id: str) -> dict[str, dict[str, int]]:
    """By table: rows, distinct keys, snapshots that carry the run id, customers of the features without a segment."""
    found = {mart.identifier: _inspect(catalog, mart.identifier, mart.key, run_id) for mart in EXPORTED_MARTS}
    if catalog.table_exists(CUSTOMER_SEGMENTS.identifier):
        segments = _inspect(catalog, CUSTOMER_SEGMENTS.identifier, CUSTOMER_SEGMENTS.key, run_id, only_run=True)
        if segments["rows"]:
            segments["missing"] = found[CUSTOMER_FEATURES.identifier]["rows"] - segments["rows"]
            found[CUSTOMER_SEGMENTS.identifier] = segments
    return found


def _inspect(catalog: Catalog, identifier: str, key: tuple[str, ...], run_id: str, only_run: bool = False) -> dict[str, int]:
    table = catalog.load_table(identifier)
    snapshots = [one for one in table.snapshots() if one.summary and one.summary[RUN_ID] == run_id]
    rows = table.scan(
        row_filter=EqualTo("run_id", run_id) if only_run else AlwaysTrue(),
        selected_fields=key,
        snapshot_id=snapshots[-1].snapshot_id if snapshots else None,
    ).to_arrow()
    distinct = rows.group_by(list(key)).aggregate([]).num_rows
    nulls = sum(pc.sum(pc.is_null(rows[name])).as_py() or 0 for name in key)
    return {"rows": rows.num_rows, "distinct": distinct - nulls, "snapshots": len(snapshots), "missing": 0}


def main() -> None:
    parser = argparse.ArgumentParser(prog="lakehouse.check", description="What the lake holds of a run.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    print(json.dumps(check(clients.catalog(settings()), parser.parse_args().run_id)))


if __name__ == "__main__":
    sys.exit(exit_code("lakehouse.check", main))
