"""``python -m synth FILE``: learn from a table of customers, report, serve new ones until interrupted."""

import argparse
import os
import secrets
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from contracts.settings import Settings, SettingsError, settings
from synth import report
from synth.closeness import compare
from synth.model import fit
from synth.serve import Rows, server
from synth.table import TableError, read

TOKEN = "SYNTH_TOKEN"


def token(known: Settings, folder: Path) -> str:
    """SYNTH_TOKEN where it is set, else a random one, written on first use for the user alone. SettingsError: a placeholder."""
    if TOKEN in known.values:
        return known.secret(TOKEN)
    path = folder / "token"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text().strip()


def rows(table: pa.Table) -> Rows:
    """As JSON takes them, with ids of their own."""
    return [{"customer_id": f"s{number:07d}"} | {name: _plain(value) for name, value in row.items()}
            for number, row in enumerate(table.to_pylist(), start=1)]  # fmt: skip


def _plain(value: object) -> object:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, Decimal) else value


def run(path: Path, only_report: bool) -> None:
    known = settings()
    folder = known.var / "synth"
    folder.mkdir(parents=True, exist_ok=True)
    secret = token(known, folder)
    customers = read(path)
    print(f"{path.name}: {len(customers.modelled):,} rows; learning {', '.join(customers.modelled.column_names)}")
    made = fit(customers.modelled)
    found = compare(customers.modelled, made.sample(len(customers.modelled), seed=1))
    told = report.summary(path.name, len(customers.modelled), customers.left_out, found)
    print(f"largest distance of a column {found.largest_margin:.3f}, of a correlation {found.largest_correlation_gap:.3f}")
    print(f"report: {report.write(folder, told)}")
    if only_report:
        return
    address = known.bind_address, known.synth_port
    with server(address, secret, lambda count, seed: rows(made.sample(count, seed)), told) as listening:
        print(
            f"new customers: http://{address[0]}:{address[1]}/customers?count=100&seed=1, token in {TOKEN} or {folder / 'token'}"
        )
        listening.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m synth", description=__doc__)
    parser.add_argument("file", type=Path, help="CSV or Parquet, a row for each customer")
    parser.add_argument("--only-report", action="store_true", help="learn and report, do not serve")
    given = parser.parse_args()
    if not given.file.name:
        parser.error("no table is named: make synth FROM=customers.csv")
    try:
        run(given.file, given.only_report)
    except (TableError, SettingsError, OSError) as error:
        print(f"synth: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
