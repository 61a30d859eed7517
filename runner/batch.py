"""The batch side without Airflow: ``python -m runner.batch marts|segments|churn|… [--as-of YYYY-MM-DD]``. The same steps as the
DAGs'."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime

from contracts.settings import ROOT, settings
from contracts.steps import (
    BATCH_STEPS,
    CART_STEPS,
    CHURN_STEPS,
    K_MAX,
    K_MIN,
    LIFETIME_STEPS,
    MART_STEPS,
    ChurnParameters,
    Step,
    Value,
    frozen_churn_values,
    frozen_values,
)
from runner.command import INTERRUPTED

STEPS = {
    "marts": MART_STEPS,
    "segments": BATCH_STEPS,
    "churn": (*MART_STEPS, *CHURN_STEPS),
    "lifetime": (*MART_STEPS, *LIFETIME_STEPS),
    "carts": (*MART_STEPS, *CART_STEPS),
}


def run(steps: tuple[Step, ...], values: dict[Value, str]) -> int:
    """The steps in order; the exit code of the first that fails (1: took too long), which stops the rest."""
    for step in steps:
        print(f"== {step.name}", flush=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        try:
            done = subprocess.run(step.argv(settings().tools, values), cwd=ROOT, env=environment, timeout=step.minutes * 60)
        except subprocess.TimeoutExpired:
            print(f"{step.name} did not end within {step.minutes} minutes; what follows it was not run", file=sys.stderr)
            return 1
        if done.returncode:
            print(f"{step.name} failed with exit code {done.returncode}; what follows it was not run", file=sys.stderr)
            return done.returncode
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="runner.batch", description="Marts, lake, segments and churn, step by step.")
    parser.add_argument("what", choices=STEPS)
    parser.add_argument("--as-of", default="", help="only what was known at the end of this UTC day; empty: everything up to now")
    parser.add_argument("--k-min", type=int, default=K_MIN)
    parser.add_argument("--k-max", type=int, default=K_MAX)
    for name, usual in asdict(ChurnParameters()).items():
        kind = json.loads if isinstance(usual, bool) else type(usual)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=usual, help=f"of the churn model (default: {usual})"
        )
    given = parser.parse_args()
    now = datetime.now(UTC)
    label = f"manual-{now:%Y%m%dT%H%M%S}"
    try:
        values = frozen_values(label, now.date(), given.as_of, given.k_min, given.k_max)
        churn = ChurnParameters(**{name: getattr(given, name) for name in asdict(ChurnParameters())})
        values |= frozen_churn_values(label, now.date(), given.as_of, churn)
    except ValueError as error:
        print(f"{given.what}: {error}", file=sys.stderr)
        return 2
    try:
        return run(STEPS[given.what], values)
    except KeyboardInterrupt:
        print(f"{given.what}: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
