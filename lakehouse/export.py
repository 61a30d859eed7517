"""Copies the marts to the lake: ``python -m lakehouse.export --run-id R [--as-of YYYY-MM-DD] [--mart M]``.

Every mart is first written and counted, and only when all are right, committed: one snapshot per table and run.
The same run id again finds its snapshots and changes nothing. What the run wrote is in VAR_DIR/runs/R/export.json,
whose snapshot ids are the frozen input of the segments. With ``--mart`` it is one mart for a model, in frozen_M.json.
"""

import argparse
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime

from clickhouse_connect.driver.client import Client
from pyiceberg.catalog import Catalog

from contracts.lake import EXPORTED_MARTS, MODEL_MARTS, ExportedMart
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.errors import LakeError
from lakehouse.marts import MartCounts, MartReader
from lakehouse.program import exit_code
from lakehouse.tables import StagedRun, Written, open_table, snapshot_of_run, written


def export(
    catalog: Catalog, client: Client, run_id: str, as_of: date | None, marts: tuple[ExportedMart, ...] = EXPORTED_MARTS
) -> list[Written]:
    """All marts of a run, in order. LakeError, and nothing newly committed, where one is missing or miscounted."""
    day = (as_of or datetime.now(UTC).date()).isoformat()
    done = {mart: _already_written(catalog, mart, run_id, as_of) for mart in marts}
    staged: dict[ExportedMart, StagedRun] = {}
    try:
        for mart in marts:
            if done[mart] is None:
                reader = MartReader(client, mart)
                staged[mart] = StagedRun(open_table(catalog, mart.identifier, reader.schema), run_id, day, reader.schema)
                _stage(reader, staged[mart])
    except BaseException:
        for table in staged.values():
            table.discard()
        raise
    return [done[mart] or staged[mart].commit() for mart in marts]


def _already_written(catalog: Catalog, mart: ExportedMart, run_id: str, as_of: date | None) -> Written | None:
    if not catalog.table_exists(mart.identifier):
        return None
    table = catalog.load_table(mart.identifier)
    snapshot = snapshot_of_run(table, run_id)
    if snapshot is None:
        return None
    found = written(mart.identifier, snapshot)
    if as_of and found.as_of != as_of.isoformat():
        raise LakeError(f"run {run_id} is in {mart.identifier} as of {found.as_of}, not {as_of}: take another run id")
    return found


def _stage(reader: MartReader, table: StagedRun) -> None:
    before = reader.counts()
    if before.rows:
        table.write(reader.batches())
    check_counts(reader.name, before, table.rows)


def check_counts(name: str, mart: MartCounts, rows_written: int) -> None:
    """LakeError unless every row of the mart was written and has a key of its own."""
    if not mart.rows == rows_written == mart.distinct_keys:
        raise LakeError(
            f"{name}: {mart.rows} rows, {mart.distinct_keys} distinct keys, {rows_written} rows written; nothing was committed"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="lakehouse.export", description="Marts to Iceberg tables, one snapshot per table and run."
    )
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument("--as-of", type=runs.as_of, help="the marts are as known at the end of this day (UTC); empty: today")
    parser.add_argument("--mart", choices=MODEL_MARTS, help="this one alone, as a model's input")
    arguments = parser.parse_args()
    marts = (MODEL_MARTS[arguments.mart],) if arguments.mart else EXPORTED_MARTS
    catalog = clients.catalog(settings())
    clients.object_store(settings())
    tables = export(catalog, clients.warehouse(settings()), arguments.run_id, arguments.as_of, marts)
    manifest = {"run_id": arguments.run_id, "as_of": tables[0].as_of, "tables": {one.identifier: asdict(one) for one in tables}}
    runs.write(arguments.run_id, runs.inputs(arguments.mart) if arguments.mart else runs.EXPORT, manifest)
    print(f"{'table':<28}{'rows':>12}  {'snapshot':<20}as of")
    for one in tables:
        print(f"{one.identifier:<28}{one.rows:>12,}  {one.snapshot_id:<20}{one.as_of}")


if __name__ == "__main__":
    sys.exit(exit_code("lakehouse.export", main))
