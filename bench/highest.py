"""The highest steady rate at which what people read is in time: rates are tried upwards until one does not hold."""

from collections.abc import Iterable

from bench.latency import latency

# Of the 99th percentile, milliseconds, over all of a run: a lag that grew would show in its last events.
BARS = {"event_to_postgres_metric_ms": 1000, "event_to_session_ms": 10_000, "event_to_clickhouse_ms": 2000}


def holds(found: dict) -> bool:
    """Nothing lost, and every 99th percentile within its bar."""
    in_time = all(found[name]["p99"] <= bar for name, bar in BARS.items())
    return in_time and found["event_to_clickhouse_ms"]["events"] == found["sent"]


def highest(rates: Iterable[int], seconds: int) -> dict[str, object]:
    """``highest``: events a second of the last rate that held; 0 where none did."""
    best, tried = 0, []
    for rate in sorted(rates):
        found = latency(rate, seconds)
        tried.append(
            {
                "rate_events_per_second": rate,
                "p99": {name: found[name]["p99"] for name in BARS},
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
        "bars": BARS,
        "tried": tried,
        "command": f"make bench PARTS=highest: generators web_events --rate R --seconds {seconds}, R upwards",
    }
