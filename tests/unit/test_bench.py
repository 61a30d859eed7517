"""What the benchmark makes of what it saw; the figures themselves are asserted nowhere."""

import json
import time

import pytest

from bench import __main__ as program
from bench import highest, page, readme, scale
from bench.latency import delays, percentiles
from bench.machine import described
from bench.readme import DELAYS, rendered, table
from bench.throughput import sent
from generators.progress import Meter

WHEN = {"measured_at": "2026-01-31 12:00 UTC"}
MACHINE = {"cores": 2, "memory_gb": 24.0, "processor": "one"}
TEXT = "before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n"


def test_the_rate_is_read_from_the_generators_own_closing_line(capsys):
    with Meter("web_events") as meter:
        meter.add(123_456)
        time.sleep(0.01)
    found = sent(capsys.readouterr().err)
    assert found.records == 123_456
    assert 0 < found.per_second <= 123_456 / 0.01
    with pytest.raises(RuntimeError, match="no rate"):
        sent("Kafka does not answer")


def test_the_highest_rate_is_the_last_that_held(monkeypatch):
    """In time at 2,000 and 3,000, late at 4,000; with one lost event at 3,000 it is 2,000."""

    def measured(lost_at: int):
        def latency(rate: int, seconds: int) -> dict:
            events = rate * seconds
            return {
                "sent": events,
                "event_to_postgres_metric_ms": {"p99": rate // 4 + 1, "events": events},
                "event_to_session_ms": {"p99": 3000, "events": events // 10},
                "event_to_clickhouse_ms": {"p99": 900, "events": events - (rate == lost_at)},
            }

        return latency

    monkeypatch.setattr(highest, "latency", measured(lost_at=0))
    found = highest.highest([4000, 2000, 3000, 5000], 10)
    assert found["highest_events_per_second"] == 3000
    assert [each["holds"] for each in found["tried"]] == [True, True, False]
    row = table({"machine": MACHINE, "highest": WHEN | found})
    assert "ClickHouse within 2,000 ms | 3,000 events/s |" in row
    monkeypatch.setattr(highest, "latency", measured(lost_at=3000))
    assert highest.highest([2000, 3000], 10)["highest_events_per_second"] == 2000


def test_percentiles_are_values_that_were_seen():
    found = percentiles(range(1, 101))
    assert (found["p50"], found["p95"], found["p99"], found["events"]) == (51, 96, 100, 100)
    assert found["percentiles"] == [*range(1, 101), 100]
    assert percentiles([7])["p99"] == 7
    with pytest.raises(RuntimeError, match="no event"):
        percentiles([])


def test_an_event_is_visible_with_the_first_commit_that_counts_it():
    """Three events at 10, 20 and 30; a row that counted one at 15 and all at 40."""
    assert delays([10, 20, 30], counts=[1, 3], commits=[15, 40]) == [5, 20, 10]


def test_the_readme_takes_the_figures_between_its_markers():
    figures = table({"machine": MACHINE, "memory": WHEN | {"peak_gb": 4.2}})
    found = rendered(TEXT, figures)
    assert "4.2 GB" in found and "Measured 2026-01-31 12:00 UTC on 2 cores" in found and "old" not in found
    usual = WHEN | {"events_per_second": 400, "ours_events_per_second": 6000, "ratio": 15.0}
    assert "400 events/s; 6,000, 15.0 times as many |" in table({"machine": MACHINE, "usual": usual})
    larger = {"events": 5_000_000, "seconds": 40.6, "incremental_seconds": 12.4}
    builds = {"builds": [{"events": 1_000_000, "seconds": 20.4}, larger]}
    with_builds = table({"machine": MACHINE, "marts": WHEN | builds})
    assert "1,000,000 web events | 20 s |" in with_builds and "5,000,000 web events | 41 s |" in with_builds
    assert "a deleted customer | 12 s |" in with_builds
    cut = {"customers": 200_000, "seconds": 51.6, "scikit_learn": {"read_seconds": 1.2, "fit_seconds": 20.0}}
    models = {"churn": {"runs": [{"customers": 200_000, "seconds": 80.4}]}, "segments": {"cuts": [cut]}}
    with_models = table({"machine": MACHINE, "models": WHEN | models})
    assert "scores written, 200,000 customers, no search | 80 s |" in with_models
    assert "200,000 customers | 52 s (scikit-learn, K-Means alone: 21.2 s) |" in with_models
    assert found.startswith("before\n<!-- figures -->") and found.endswith("<!-- /figures -->\nafter\n")
    assert rendered(found, figures) == found
    with pytest.raises(ValueError, match="no place"):
        rendered("nothing", figures)


def test_ten_machines_are_ten_times_one():
    per_event = {"flink_state": 100.0, "kafka": 200.0, "clickhouse": 10.0}
    measured = {
        "machine": MACHINE,
        "throughput": {"flink_catch_up_at_once_events_per_second": 2000},
        "storage": {"bytes_per_event": per_event},
    }
    found = {row[0]: row[1:] for row in scale.rows(measured)}
    assert found["events/s, steadily"] == ("1,000", "10,000", "100,000")
    assert found["Flink's state, 8 days"] == ("69 GB", "691 GB", "7 TB")
    assert found["Flink subtasks (`FLINK_PARALLELISM`)"] == ("2", "20", "200")
    assert "| 1 machine | 10 machines |" in scale.table(measured)


def test_the_page_plots_what_was_measured_and_says_how():
    times = {"percentiles": list(range(101))}
    lags = [{"second": second, "Flink": 10 * second, "memory_gb": 4.5} for second in range(5)]
    results = {
        "machine": MACHINE,
        "throughput": {
            "generator_events_per_second": 9, "flink_catch_up_events_per_second": 5,
            "flink_catch_up_path_alone_events_per_second": 6, "flink_catch_up_at_once_events_per_second": 4,
            "command": "make one",
        },
        "usual": {"by_table_events_per_second": {"sessions": 1}, "ours_events_per_second": 8, "command": "make four"},
        "latency": {
            "rate_events_per_second": 7, **dict.fromkeys(DELAYS, times), "over_time": lags, "command": "make two",
        },
        "memory": WHEN | {"over_time": lags, "command": "make three"},
    }  # fmt: skip
    text = page.page(results)
    assert text.count("<svg") == 6 and all(f"make {number}" in text for number in ("one", "two", "three", "four"))
    assert "Measured 2026-01-31 12:00 UTC" in text


def test_parts_of_different_days_are_said_to_be():
    later = {"machine": MACHINE, "memory": WHEN, "marts": {"measured_at": "2026-02-01 09:00 UTC"}}
    assert "2026-01-31 12:00 UTC to 2026-02-01 09:00 UTC" in described(later)


def test_parts_note_how_fast_the_machine_was():
    noted = program.measured(lambda: {"peak_gb": 4.2})
    assert noted["peak_gb"] == 4.2 and all(figure > 0 for figure in noted["speed"].values())
    parts = {"memory": {"step_ns": 9.5, "copy_gb_per_second": 1.5}, "marts": {"step_ns": 6.0, "copy_gb_per_second": 5.0}}
    found = described({"machine": MACHINE} | {name: WHEN | {"speed": speed} for name, speed in parts.items()})
    assert found.endswith("A loop in Python took 6.0 to 9.5 ns a step; memory was copied at 1.5 to 5.0 GB/s.")
    assert "a step" not in described({"machine": MACHINE, "memory": WHEN})


def test_a_table_waits_for_its_figures(tmp_path, monkeypatch, capsys):
    """The first parts by name, before the rest was ever measured, leave docs/scale.md as it is."""
    measured, files = tmp_path / "results.json", [tmp_path / name for name in ("README.md", "scale.md")]
    measured.write_text(json.dumps({"machine": MACHINE, "memory": WHEN | {"peak_gb": 4.2}}))
    for name, path in zip(("RESULTS", "README", "SCALE"), (measured, *files), strict=True):
        path.exists() or path.write_text(TEXT)
        monkeypatch.setattr(readme, name, path)
    readme.main()
    assert "4.2 GB" in files[0].read_text() and files[1].read_text() == TEXT
    assert "throughput, storage" in capsys.readouterr().out
