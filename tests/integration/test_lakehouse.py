"""Marts to the lake, with a real Postgres, MinIO and ClickHouse; then the whole way to segments and their report."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from lake_stack import MARTS, PARTS, Lake, make_mart, make_marts, running_lake
from pyiceberg.catalog import Catalog

from contracts.lake import AS_OF, EXPORTED_MARTS, RUN_ID
from contracts.ml import CUSTOMER_SEGMENTS, K_SELECTION, SEGMENT_FEATURES, SEGMENT_INPUTS, SEGMENT_PROFILES
from lakehouse import clients
from lakehouse.errors import LakeError
from lakehouse.export import export
from lakehouse.upkeep import upkeep

DAY = dt.date(2026, 1, 31)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("lake") / "var", *PARTS) as running:
        make_marts(running.warehouse())
        yield running


@pytest.fixture
def catalog(lake: Lake) -> Catalog:
    return clients.catalog(lake.settings)


def snapshots(catalog: Catalog) -> dict[str, list[int]]:
    """Snapshot ids of every exported mart."""
    tables = (mart.identifier for mart in EXPORTED_MARTS)
    return {
        name: [one.snapshot_id for one in catalog.load_table(name).snapshots()] for name in tables if catalog.table_exists(name)
    }


def objects(lake: Lake, prefix: str) -> set[str]:
    store = clients.object_store(lake.settings)
    listed = store.list_objects(lake.settings.bucket, prefix=prefix, recursive=True)
    # Arrow keeps an empty folder with an object of its name.
    return {one.object_name for one in listed if not one.object_name.endswith("/")}


def test_a_run_is_one_snapshot_however_often_it_is_run(lake: Lake, catalog: Catalog):
    first = lake.run("lakehouse.export", "--run-id", "twice", "--as-of", DAY.isoformat())
    assert first.returncode == 0, first.stderr
    before = snapshots(catalog)
    written = lake.manifest("twice", "export")
    again = lake.run("lakehouse.export", "--run-id", "twice", "--as-of", DAY.isoformat())
    assert again.returncode == 0, again.stderr
    assert snapshots(catalog) == before
    assert lake.manifest("twice", "export") == written
    assert {name: table["rows"] for name, table in written["tables"].items()} == {
        "marts.dim_customers": 240,
        "marts.fct_purchases": 250_000,
        "marts.fct_sessions": 0,
        "marts.clv_summary": 240,
        "marts.customer_features": 240,
    }
    for name, table in written["tables"].items():
        snapshot = catalog.load_table(name).current_snapshot()
        assert (snapshot.snapshot_id, snapshot.summary[RUN_ID], snapshot.summary[AS_OF]) == (
            table["snapshot_id"],
            "twice",
            "2026-01-31",
        )


def test_a_run_keeps_its_day(lake: Lake, catalog: Catalog):
    export(catalog, lake.warehouse(), "day", DAY)
    with pytest.raises(LakeError, match="run day is in marts.dim_customers as of 2026-01-31, not 2026-02-01"):
        export(catalog, lake.warehouse(), "day", dt.date(2026, 2, 1))


def test_values_come_through(lake: Lake, catalog: Catalog):
    export(catalog, lake.warehouse(), "values", DAY)
    rows = {row["customer_id"]: row for row in catalog.load_table("marts.dim_customers").scan().to_arrow().to_pylist()}
    assert len(rows) == 240
    assert rows["c0000"] == {
        "customer_id": "c0000", "is_registered": True, "registered_at": None, "city": None,
        "net_revenue": Decimal("0.0000"), "born": dt.date(1925, 1, 1), "purchases": 0,
    }  # fmt: skip
    assert rows["c0005"] == {
        "customer_id": "c0005", "is_registered": False, "registered_at": dt.datetime(1999, 12, 31, 23, 59, 59, 123000, dt.UTC),
        "city": "München", "net_revenue": Decimal("0.6250"), "born": dt.date(1925, 1, 6), "purchases": 5,
    }  # fmt: skip
    amounts = catalog.load_table("marts.fct_purchases").scan(selected_fields=("amount",)).to_arrow()["amount"]
    assert sum(amounts.to_pylist()) == Decimal(249_999 * 250_000 // 2) / 10_000
    assert catalog.load_table("marts.fct_sessions").scan().to_arrow().num_rows == 0


def test_the_newest_run_replaces_and_the_older_stays_readable(lake: Lake, catalog: Catalog):
    older = {one.identifier: one for one in export(catalog, lake.warehouse(), "older", DAY)}["marts.clv_summary"]
    make_mart(
        lake.warehouse(), "clv_summary", "SELECT toString(number) AS customer_id, 2.5 AS frequency, 'x' AS extra FROM numbers(3)"
    )
    try:
        export(catalog, lake.warehouse(), "newer", DAY)
    finally:
        make_mart(lake.warehouse(), "clv_summary", MARTS["clv_summary"])
    table = catalog.load_table("marts.clv_summary")
    assert table.scan().to_arrow().select(["frequency", "extra"]).to_pylist() == [{"frequency": 2.5, "extra": "x"}] * 3
    frozen = table.scan(snapshot_id=older.snapshot_id).to_arrow()
    assert frozen.num_rows == 240
    assert sorted(frozen["frequency"].to_pylist()) == list(range(240))


def test_a_wrong_count_commits_nothing_at_all(lake: Lake, catalog: Catalog):
    export(catalog, lake.warehouse(), "good", DAY)
    before, files = snapshots(catalog), objects(lake, "warehouse/marts/")
    make_mart(lake.warehouse(), "customer_features", f"{MARTS['customer_features']} UNION ALL {MARTS['customer_features']}")
    try:
        failed = lake.run("lakehouse.export", "--run-id", "bad", "--as-of", DAY.isoformat())
    finally:
        make_mart(lake.warehouse(), "customer_features", MARTS["customer_features"])
    assert failed.returncode == 1
    assert failed.stderr.strip().startswith(
        "lakehouse.export: marts.customer_features: 480 rows, 240 distinct keys, 480 rows written"
    )
    assert snapshots(catalog) == before
    assert objects(lake, "warehouse/marts/") == files
    assert not (lake.var / "runs" / "bad").exists()


def test_a_lost_answer_to_a_commit_does_not_commit_twice(lake: Lake, catalog: Catalog, monkeypatch: pytest.MonkeyPatch):
    commit = type(catalog).commit_table

    def answer_lost(self: Catalog, *arguments: object, **options: object) -> None:
        commit(self, *arguments, **options)
        raise OSError("connection reset")

    monkeypatch.setattr(type(catalog), "commit_table", answer_lost)
    export(catalog, lake.warehouse(), "lost", DAY)
    monkeypatch.undo()
    for mart in EXPORTED_MARTS:
        of_run = [one for one in catalog.load_table(mart.identifier).snapshots() if one.summary[RUN_ID] == "lost"]
        assert len(of_run) == 1, mart.identifier


def test_a_missing_mart_and_a_missing_store_are_one_clear_line(lake: Lake):
    lake.warehouse().command("DROP TABLE marts.clv_summary SYNC")
    try:
        missing = lake.run("lakehouse.export", "--run-id", "missing")
    finally:
        make_mart(lake.warehouse(), "clv_summary", MARTS["clv_summary"])
    assert (missing.returncode, missing.stderr.strip()) == (
        1,
        "lakehouse.export: marts.clv_summary is not in ClickHouse: run `make marts` first",
    )
    away = lake.run("lakehouse.export", "--run-id", "away", MINIO_URL="http://127.0.0.1:9")
    assert away.returncode == 1
    assert away.stderr.startswith("lakehouse.export: object store at http://127.0.0.1:9")
    assert len(away.stderr.strip().splitlines()) == 1


def test_upkeep_keeps_what_snapshots_need(lake: Lake, catalog: Catalog):
    for number in range(3):
        export(catalog, lake.warehouse(), f"kept{number}", DAY)
    store, bucket = clients.object_store(lake.settings), lake.settings.bucket
    table = catalog.load_table("marts.clv_summary")
    young = upkeep(catalog, store, bucket, keep=2, before=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
    assert young["marts.clv_summary"].files == 0
    table.refresh()
    assert [one.summary[RUN_ID] for one in table.snapshots()] == ["kept1", "kept2"]
    removed = upkeep(catalog, store, bucket, keep=2, before=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    assert removed["marts.clv_summary"].files > 0
    for snapshot in catalog.load_table("marts.clv_summary").snapshots():
        assert table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows == 240
    assert len([name for name in objects(lake, "warehouse/marts/clv_summary/data/") if name.endswith(".parquet")]) == 2


EXPORT = ("lakehouse.export", "--as-of", DAY.isoformat())
SEGMENTS = ("spark_ml.segments", "--k-min", "2", "--k-max", "4")
# Of those who are three groups by now: what each run after it is about is not their number.
THREE_SEGMENTS = ("spark_ml.segments", "--k-min", "3", "--k-max", "3")
WRITE_BACK = ("spark_ml.write_back",)
REPORT = ("spark_ml.report",)


def make(lake: Lake, run_id: str, *steps: tuple[str, ...]) -> None:
    for module, *arguments in steps:
        done = lake.run(module, "--run-id", run_id, *arguments)
        assert done.returncode == 0, f"{module}: {done.stdout}{done.stderr}"


def test_features_become_segments_in_lake_and_warehouse(lake: Lake, catalog: Catalog):
    make(lake, "whole", EXPORT, SEGMENTS, WRITE_BACK, REPORT)
    facts = lake.manifest("whole", "segments")
    assert (facts["k"], facts["customers"], facts["previous_run"]) == (3, 240, "")
    assert facts["stability"] > 0.95
    assert "missing, median taken: return_rate (1 customers)" in facts["notes"]
    assert facts["snapshot_id"] == lake.manifest("whole", "export")["tables"]["marts.customer_features"]["snapshot_id"]
    rows = catalog.load_table(CUSTOMER_SEGMENTS.identifier).scan(row_filter="run_id = 'whole'").to_arrow().to_pylist()
    assert len({row["customer_id"] for row in rows}) == len(rows) == 240
    assert {(int(row["customer_id"][1:]) % 3, row["segment"]) for row in rows} == {(0, 1), (2, 2), (1, 3)}
    assert {row["segment"]: row["segment_name"] for row in rows}[1] == "Champions"
    client = lake.warehouse()
    counts = {CUSTOMER_SEGMENTS: 240, SEGMENT_PROFILES: 3, K_SELECTION: 3, SEGMENT_INPUTS: len(SEGMENT_FEATURES)}
    for table, count in counts.items():
        assert client.query(f"SELECT count() FROM {table.qualified} FINAL WHERE run_id = 'whole'").result_rows == [(count,)]
    same = "SELECT sum(customers), round(sum(share), 9), round(sum(revenue_share), 9), any(as_of) FROM ml.segment_profiles FINAL"
    assert client.query(same).result_rows == [(240, 1.0, 1.0, DAY)]
    page = (lake.var / "reports" / "segments-whole.html").read_text()
    assert page.count("<svg") == 4
    assert "Champions" in page
    assert "$" not in page
    assert {"reports/segments-whole.html", "reports/segments-latest.html"} <= objects(lake, "reports/")
    assert any(name.startswith("models/segments/whole/stages/") for name in objects(lake, "models/"))

    before = catalog.load_table(CUSTOMER_SEGMENTS.identifier).snapshots()
    again = lake.run("spark_ml.segments", "--run-id", "whole", "--k-min", "2", "--k-max", "4")
    assert again.returncode == 0, again.stderr
    assert catalog.load_table(CUSTOMER_SEGMENTS.identifier).snapshots() == before
    other = lake.run("spark_ml.segments", "--run-id", "whole", "--k-max", "5")
    assert other.returncode == 1
    assert "take another run id" in other.stderr
    stranger = "SELECT * REPLACE ('stranger' AS customer_id) FROM ml.customer_segments FINAL WHERE run_id = 'whole' LIMIT 1"
    client.command(f"INSERT INTO ml.customer_segments {stranger}")
    differing = lake.run("spark_ml.write_back", "--run-id", "whole")
    assert (differing.returncode, differing.stderr.strip()) == (
        1,
        "spark_ml.write_back: ml.customer_segments, run whole: 240 rows in the lake; "
        "0 keys are missing in ClickHouse, 1 are only there",
    )
    unknown = lake.run("spark_ml.write_back", "--run-id", "unknown")
    assert (unknown.returncode, unknown.stderr.strip()) == (
        1,
        "spark_ml.write_back: ml.segment_profiles has no rows of run unknown: compute its segments first",
    )


def rows(catalog: Catalog, run_id: str) -> dict[str, dict]:
    found = catalog.load_table(CUSTOMER_SEGMENTS.identifier).scan(row_filter=f"run_id = '{run_id}'").to_arrow().to_pylist()
    return {row["customer_id"]: row for row in found}


def test_segments_go_on_from_the_run_before(lake: Lake, catalog: Catalog):
    """After the run of the test before: ten of the best customers have become like those who came once."""
    first = rows(catalog, "whole")
    assert {row["previous_segment"] for row in first.values()} == {0}
    moved = MARTS["customer_features"].replace(
        "WITH number % 3 AS g", "WITH if(number % 3 = 0 and number < 30, 1, number % 3) AS g"
    )
    make_mart(lake.warehouse(), "customer_features", moved)
    make(lake, "later", EXPORT, THREE_SEGMENTS, WRITE_BACK, REPORT)
    assert lake.manifest("later", "segments")["previous_run"] == "whole"
    second = rows(catalog, "later")
    changed = {customer for customer, row in second.items() if row["segment"] != first[customer]["segment"]}
    assert changed == {f"c{number:04d}" for number in range(0, 30, 3)}
    assert all(row["previous_segment"] == first[customer]["segment"] for customer, row in second.items())
    profiles = lake.warehouse().query(
        "SELECT segment, previous_run, overlap, revenue FROM ml.segment_profiles FINAL WHERE run_id = 'later' ORDER BY segment"
    )
    assert [row[:2] for row in profiles.result_rows] == [(1, "whole"), (2, "whole"), (3, "whole")]
    assert [round(row[2], 3) for row in profiles.result_rows] == [round(70 / 80, 3), 1.0, round(80 / 90, 3)]
    page = (lake.var / "reports" / "segments-later.html").read_text()
    assert page.count("<svg") == 5
    assert "<td class=n>10</td>" in page

    # A run whose end was lost is made again: the same run before, the same numbers.
    (lake.var / "runs" / "later" / "segments.json").unlink()
    make(lake, "later", THREE_SEGMENTS)
    assert lake.manifest("later", "segments")["previous_run"] == "whole"
    assert {customer: row["segment"] for customer, row in rows(catalog, "later").items()} == {
        customer: row["segment"] for customer, row in second.items()
    }


def test_a_run_before_that_is_gone_is_passed_over_and_its_numbers_stay_used(lake: Lake, catalog: Catalog):
    table = catalog.load_table(CUSTOMER_SEGMENTS.identifier)
    table.delete("run_id = 'later'")
    make(lake, "after_a_loss", EXPORT, THREE_SEGMENTS)
    assert lake.manifest("after_a_loss", "segments")["previous_run"] == "whole"
    assert {row["segment"] for row in rows(catalog, "after_a_loss").values()} == {1, 2, 3}
    table.refresh()
    table.delete("run_id != 'nobody'")
    make(lake, "from_nothing", EXPORT, THREE_SEGMENTS)
    assert lake.manifest("from_nothing", "segments")["previous_run"] == ""
    assert {row["segment"] for row in rows(catalog, "from_nothing").values()} == {4, 5, 6}
    assert {row["previous_segment"] for row in rows(catalog, "from_nothing").values()} == {0}
