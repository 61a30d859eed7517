"""A run's results from the lake to ClickHouse: ``python -m spark_ml.write_back --run-id R [--results segments]``.

The tables replace rows by key, so that it may run again. Every key of the run must be on both sides afterwards.
"""

import argparse
import sys
from dataclasses import dataclass

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import EqualTo
from pyiceberg.table import DataScan

from contracts.ml import RESULTS, ResultTable
from contracts.render_clickhouse import data_type, databases, table
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.errors import LakeError
from lakehouse.program import exit_code


@dataclass(frozen=True)
class Differences:
    """Keys of a run that are on one side only, and how many rows the lake has."""

    rows: int
    missing: int
    unexpected: int


def create(client: Client, results: ResultTable) -> None:
    """The table, where it is missing; the columns that the contract has gained, where it is not."""
    for statement in (*databases().split(";\n"), table(results).rstrip(";\n")):
        if statement:
            client.command(statement)
    for column in results.columns:
        client.command(f"ALTER TABLE {results.qualified} ADD COLUMN IF NOT EXISTS {column.name} {data_type(column)}")


def copy(scan: DataScan, client: Client, results: ResultTable) -> None:
    for batch in scan.to_arrow_batch_reader():
        if batch.num_rows:
            client.insert_arrow(results.name, pa.Table.from_batches([batch]), database=results.database)


def compare(scan: DataScan, client: Client, results: ResultTable, run_id: str) -> Differences:
    """Keys in the lake against keys in ClickHouse."""
    names = [name for name in results.key if name != "run_id"]
    lake = scan.select(*names).to_arrow()
    expected = set(zip(*(lake[name].to_pylist() for name in names), strict=True))
    select = f"SELECT {', '.join(names)} FROM {results.qualified} FINAL WHERE run_id = {{run:String}}"
    found = {tuple(row) for row in client.query(select, parameters={"run": run_id}).result_rows}
    return Differences(lake.num_rows, len(expected - found), len(found - expected))


def write_back(catalog: Catalog, client: Client, run_id: str, of: str) -> dict[str, int]:
    """Rows by table. LakeError where the run is not in the lake, or the two sides differ afterwards."""
    rows = {}
    for results in RESULTS[of]:
        if not catalog.table_exists(results.identifier):
            raise LakeError(f"{results.identifier} is not in the lake: compute the run's {of} first")
        columns = [column.name for column in results.columns]
        scan = catalog.load_table(results.identifier).scan(row_filter=EqualTo("run_id", run_id)).select(*columns)
        create(client, results)
        copy(scan, client, results)
        found = compare(scan, client, results, run_id)
        if not found.rows:
            raise LakeError(f"{results.identifier} has no rows of run {run_id}: compute its {of} first")
        if found.missing or found.unexpected:
            raise LakeError(
                f"{results.qualified}, run {run_id}: {found.rows} rows in the lake; "
                f"{found.missing} keys are missing in ClickHouse, {found.unexpected} are only there"
            )
        rows[results.qualified] = found.rows
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.write_back", description="A run's results from the lake to ClickHouse.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument("--results", choices=RESULTS, default="segments")
    given = parser.parse_args()
    rows = write_back(clients.catalog(settings()), clients.warehouse(settings()), given.run_id, given.results)
    for name, count in rows.items():
        print(f"{name:<28}{count:>12,}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.write_back", main))
