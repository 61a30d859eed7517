"""``python -m bench``: measure a running stack that has had its demo, write bench/results.json and the README's figures."""

import json
import sys
from pathlib import Path

from bench import readme
from bench.changes import changes
from bench.latency import latency
from bench.machine import machine
from bench.marts import marts
from bench.memory import memory
from bench.models import models
from bench.storage import storage
from bench.throughput import throughput
from contracts.settings import settings


def demo_summary() -> Path:
    return settings().var / "demo" / "summary.json"


def demo() -> dict[str, object]:
    """Times of this stack's last demo."""
    found = json.loads(demo_summary().read_text())
    return {
        "customers": found["hops"]["customers"]["sent"],
        "stages": found["seconds"],
        "seconds": round(sum(found["seconds"].values()), 1),
        "command": "make demo",
    }


def sizes(name: str, usual: str) -> list[int]:
    """A setting's numbers, by space."""
    return [int(size) for size in settings().get(name, usual).split()]


def main() -> int:
    s = settings()
    if not demo_summary().exists():
        print(f"bench: no {demo_summary()}: run `make demo` first, the batch side needs its customers", file=sys.stderr)
        return 1
    parts = {
        "demo": demo,
        # The backlogs first: they also have the JVMs compile what a stack that has run for a while has compiled.
        "throughput": lambda: throughput(s.number("BENCH_EVENTS", 500_000), s.number("BENCH_CUSTOMERS", 40_000)),
        "latency": lambda: latency(s.number("BENCH_LIVE_RATE", 2000), s.number("BENCH_LIVE_SECONDS", 150)),
        "changes": lambda: changes(s.number("BENCH_CHANGE_RATE", 2000), 30, s.number("BENCH_CHANGE_BULK", 300_000)),
        "memory": memory,
        "storage": storage,
        "marts": lambda: marts(sizes("BENCH_MART_EVENTS", "1000000 5000000")),
        "models": lambda: models(sizes("BENCH_CHURN_CUSTOMERS", "200000"), sizes("BENCH_SEGMENT_CUSTOMERS", "200000 2000000")),
    }
    results: dict[str, object] = {"machine": machine()}
    for name, measure in parts.items():
        print(f"bench: {name}", flush=True)
        results[name] = measure()
        print(json.dumps(results[name], indent=2), flush=True)
        # One that fails leaves the figures of those before it.
        readme.RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    readme.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
