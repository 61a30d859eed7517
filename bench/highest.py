"""The highest steady rate at which what people read is in time: rates are tried upwards until one does not hold."""

from collections.abc import Iterable

from bench.latency import latency

# Of the 99th percentile, over all of a run: a lag that grew would show in its last events.
METRIC_MS = 1000
CLICKHOUSE_MS = 2000


def holds(found: dict) -> bool:
    """Nothing lost, and both percentiles within their bars."""
    metric, warehouse = found["event_to_postgres_metric_ms"], found["event_to_clickhouse_ms"]
    return warehouse["events"] == found["sent"] and metric["p99"] <= METRIC_MS and warehouse["p99"] <= CLICKHOUSE_MS


def highest(rates: Iterable[int], seconds: int) -> dict[str, object]:
    """``highest``: events a second of the last rate that held; 0 where none did."""
    best, tried = 0, []
    for rate in sorted(rates):
        found = latency(rate, seconds)
        tried.append(
            {
                "rate_events_per_second": rate,
                "event_to_postgres_metric_p99_ms": found["event_to_postgres_metric_ms"]["p99"],
                "event_to_clickhouse_p99_ms": found["event_to_clickhouse_ms"]["p99"],
                "sent": found["sent"],
                "arrived": found["event_to_clickhouse_ms"]["events"],
                "holds": holds(found),
            }
        )
        print(tried[-1], flush=True)
        if not tried[-1]["holds"]:
            break
        best = rate
    return {
        "highest_events_per_second": best,
        "seconds": seconds,
        "bars": {"event_to_postgres_metric_p99_ms": METRIC_MS, "event_to_clickhouse_p99_ms": CLICKHOUSE_MS},
        "tried": tried,
        "command": f"make bench PARTS=highest: generators web_events --rate R --seconds {seconds}, R upwards",
    }
