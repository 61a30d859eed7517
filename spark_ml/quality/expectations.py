"""Expectations on a table: of each column by pandera, of the whole table by functions; all are checked, none stops the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One expectation and whether it is met; ``detail``: what was found, for people."""

    subject: str
    expectation: str
    met: bool
    detail: str = ""


def check_columns(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> list[Finding]:
    """One finding for each column and each of its checks."""
    failures = _failures(frame, schema)
    found = []
    for name, column in schema.columns.items():
        expected = [("column_in_dataframe", "is there"), *((str(check.error), str(check.error)) for check in column.checks)]
        if not column.nullable:
            expected.insert(1, ("not_nullable", "has no missing values"))
        for key, words in expected:
            bad = failures.get((name, key))
            found.append(Finding(name, words, bad is None, bad or ""))
        for (subject, key), detail in failures.items():
            if subject == name and key.startswith(("dtype", "coerce")):
                found.append(Finding(name, "has the right type", False, detail))
    return found


def _failures(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> dict[tuple[str, str], str]:
    """By column and check: how many values fail, with some of them."""
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        return {_key(row): _detail(rows) for row, rows in cases.groupby(["schema_context", "column", "check"], dropna=False)} | {
            (str(row.failure_case), "column_in_dataframe"): "missing"
            for row in cases.itertuples()
            if row.check == "column_in_dataframe"
        }
    return {}


def _key(group: tuple[str, str, str]) -> tuple[str, str]:
    return str(group[1]), str(group[2])


def _detail(rows: pd.DataFrame) -> str:
    examples = ", ".join(map(str, rows["failure_case"].drop_duplicates().head(SHOWN)))
    return f"{len(rows):,} values, such as {examples}"


def population_stability(expected: Mapping[str, float], found: Mapping[str, float]) -> float:
    """Population stability index of two distributions over the same bins; from 0.25 on they differ much (Siddiqi, 2006)."""
    floor = 1e-4
    pairs = ((max(expected.get(name, 0.0), floor), max(found.get(name, 0.0), floor)) for name in {*expected, *found})
    return sum((now - then) * math.log(now / then) for then, now in pairs)


def unmet(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.met]
