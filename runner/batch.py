"""The batch side without Airflow: ``python -m runner.batch marts|segments [--as-of YYYY-MM-DD]``. The same steps as the DAG's."""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime

from contracts.settings import ROOT, settings
from contracts.steps import BATCH_STEPS, K_MAX, K_MIN, MART_STEPS, Step, Value, frozen_values


def run(steps: tuple[Step, ...], values: dict[Value, str]) -> int:
    """The steps in order; the exit code of the first that fails, which stops the rest."""
    for step in steps:
        print(f"== {step.name}", flush=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(step.argv(settings().tools, values), cwd=ROOT, env=environment, timeout=step.minutes * 60)
        if done.returncode:
            print(f"{step.name} failed with exit code {done.returncode}; what follows it was not run", file=sys.stderr)
            return done.returncode
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="runner.batch", description="Marts, lake and segments, step by step.")
    parser.add_argument("what", choices=("marts", "segments"))
    parser.add_argument("--as-of", default="", help="only what was known at the end of this UTC day; empty: everything up to now")
    parser.add_argument("--k-min", type=int, default=K_MIN)
    parser.add_argument("--k-max", type=int, default=K_MAX)
    given = parser.parse_args()
    now = datetime.now(UTC)
    try:
        values = frozen_values(f"manual-{now:%Y%m%dT%H%M%S}", now.date(), given.as_of, given.k_min, given.k_max)
    except ValueError as error:
        print(f"{given.what}: {error}", file=sys.stderr)
        return 2
    return run(MART_STEPS if given.what == "marts" else BATCH_STEPS, values)


if __name__ == "__main__":
    sys.exit(main())
