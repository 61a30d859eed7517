"""The quality gate before churn is trained: ``python -m spark_ml.churn.gate --run-id R [--accept-drift yes]``.

Checks the frozen features: columns, missing values, ranges, categories, unique keys, rows a cutoff, the as-of day, labels, and
each distribution against the last accepted run. The result is VAR_DIR/reports/churn-gate-R.html, also in ``reports/`` of the
lake's bucket. Where an expectation is not met the step fails, and names it; what is accepted is the next run's measure. With
``--accept-drift yes`` a changed distribution is shown and taken as the new measure.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pandera.pandas as pa

from contracts.churn import AMOUNTS, CATEGORIES, COUNTS, CUSTOMER, CUTOFF, LABEL, NUMERIC, SHARES, TRENDS
from contracts.events import DEVICES
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.errors import LakeError
from lakehouse.program import exit_code
from spark_ml.churn import features
from spark_ml.churn.handed_on import GATE
from spark_ml.pages import publish
from spark_ml.quality import distribution
from spark_ml.quality.expectations import Finding, check_columns, unmet
from spark_ml.quality.page import page

# Fewer customers than these at a cutoff teach nothing that holds for others.
LEAST_CUSTOMERS = 100
COUNTRY = r"[A-Z]{2}|unknown"


def schema() -> pa.DataFrameSchema:
    """What each column must hold. A category is one of the contract's, a country a code of two letters."""
    at_least_zero = pa.Check.ge(0, error="is not negative")
    share = pa.Check.in_range(0, 1, error="is a share, 0 to 1")
    numbers = {
        **{name: pa.Column(float, at_least_zero) for name in (*COUNTS, *AMOUNTS)},
        **{name: pa.Column(float, share) for name in SHARES},
        **{name: pa.Column(float) for name in TRENDS},
    }
    words = {
        "device": pa.Column(object, pa.Check.isin(DEVICES, error=f"is one of {', '.join(DEVICES)}")),
        "country": pa.Column(object, pa.Check.str_matches(f"^({COUNTRY})$", error="is a code of two letters, or unknown")),
        "channel": pa.Column(object, pa.Check.str_length(min_value=1, error="is not empty")),
    }
    label = pa.Column(float, pa.Check.isin((0.0, 1.0), error="is 0 or 1 where it is known"), nullable=True)
    return pa.DataFrameSchema({CUTOFF: pa.Column(object), CUSTOMER: pa.Column(object), **numbers, **words, LABEL: label})


def of_the_table(frame: pd.DataFrame, as_of: str) -> Iterator[Finding]:
    twice = int(frame.duplicated([CUTOFF, CUSTOMER]).sum())
    yield Finding(
        "table", f"{CUTOFF} and {CUSTOMER} are unique together", not twice, f"{twice:,} rows are there again" if twice else ""
    )
    counts = frame[CUTOFF].value_counts().sort_index()
    few = {str(day): int(count) for day, count in counts.items() if count < LEAST_CUSTOMERS}
    expected = f"{LEAST_CUSTOMERS} customers or more at each cutoff"
    yield Finding(
        "table",
        expected,
        not few and not frame.empty,
        f"fewer at {few}" if few else f"{counts.min() if len(counts) else 0:,} at least",
    )
    newest = str(frame[CUTOFF].max()) if len(frame) else "none"
    yield Finding("table", f"the newest cutoff is the as-of day {as_of}", newest == as_of, f"it is {newest}")


def examine(frame: pd.DataFrame, as_of: str, then: dict[str, Any] | None) -> tuple[list[Finding], list[Finding], dict[str, Any]]:
    """Findings on the rows, findings on their drift since ``then``, and the newest cutoff's distributions, to be accepted."""
    shaped = schema()
    present = [name for name in NUMERIC if name in frame and pd.api.types.is_numeric_dtype(frame[name])]
    words = [name for name in (CUTOFF, CUSTOMER, *CATEGORIES) if name in frame]
    known = [LABEL] if LABEL in frame else []
    typed = frame.astype({**dict.fromkeys((*present, *known), float), **dict.fromkeys(words, object)})
    findings = check_columns(typed, shaped)
    if not unmet(findings):
        findings += of_the_table(typed, as_of)
    if unmet(findings):
        return findings, [], {}
    current = typed[typed[CUTOFF] == typed[CUTOFF].max()]
    drift = distribution.compare(then, distribution.measure(current, NUMERIC, CATEGORIES, then)) if then else []
    return findings, drift, distribution.measure(current, NUMERIC, CATEGORIES)


def run(run_id: str, accept_drift: bool) -> dict[str, Any]:
    """LakeError naming the first expectations that are not met."""
    source, store, bucket = features.source(run_id), clients.object_store(settings()), settings().bucket
    frame = features.frozen(clients.catalog(settings()), source["snapshot_id"])
    findings, drift, measured = examine(frame, source["as_of"], distribution.accepted(store, bucket, "churn"))
    address = publish(store, bucket, "churn-gate", run_id, page("Features of churn", run_id, source, [*findings, *drift]))
    if bad := unmet(findings if accept_drift else [*findings, *drift]):
        named = "; ".join(
            f"{one.subject}: expected that it {one.expectation}, found {one.detail or 'otherwise'}" for one in bad[:3]
        )
        raise LakeError(
            f"{len(bad)} of {len(findings) + len(drift)} expectations are not met, nothing is trained: {named} (all in {address})"
        )
    sets = features.split(features.checked(frame, source["identifier"]), source["identifier"])
    distribution.accept(store, bucket, "churn", measured)
    facts = {
        "expectations": len(findings) + len(drift),
        "drifted": [one.subject for one in unmet(drift)],
        "train_cutoffs": [day.isoformat() for day in sets.train_cutoffs],
        "test_cutoff": sets.test_cutoff.isoformat(),
        "page": str(address),
    }
    runs.write(run_id, GATE, facts)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="spark_ml.churn.gate", description="Check the features before a model learns from them."
    )
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument(
        "--accept-drift", choices=("yes", "no"), default="no", help="take a changed distribution as the new measure"
    )
    given = parser.parse_args()
    facts = run(given.run_id, given.accept_drift == "yes")
    drifted = f", drift accepted of {', '.join(facts['drifted'])}" if facts["drifted"] else ""
    print(f"{facts['expectations']} expectations are looked at{drifted}: {facts['page']}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.churn.gate", main))
