"""How a table's columns were distributed in the last accepted run, and how they are now. Kept in the lake's bucket as JSON."""

import io
import json
from typing import Any

import numpy as np
import pandas as pd
from minio import Minio
from minio.error import S3Error

from spark_ml.quality.expectations import Finding, population_stability

BINS = 10
UNSTABLE_FROM = 0.25
Shares = dict[str, float]


def measure(
    frame: pd.DataFrame, numeric: tuple[str, ...], categories: tuple[str, ...], known: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Per column its edges (those of ``known`` where there is one, to compare with it; else its tenths) and the share of the rows
    in each bin.

    What is accepted is measured by edges of its own: by those of an older run a column that has moved away would lie in one bin.
    """
    found: dict[str, Any] = {}
    for name in numeric:
        edges = known[name]["edges"] if known and name in known else _edges(frame[name])
        found[name] = {"edges": edges, "shares": _shares(pd.Series(np.searchsorted(edges, frame[name], side="right")))}
    for name in categories:
        found[name] = {"edges": [], "shares": _shares(frame[name])}
    return found


def compare(then: dict[str, Any], now: dict[str, Any]) -> list[Finding]:
    """One finding a column: its population stability index against the last accepted run."""
    return [
        Finding(
            name,
            f"is distributed as in the last accepted run (PSI below {UNSTABLE_FROM})",
            index < UNSTABLE_FROM,
            f"PSI {index:.3f}",
        )
        for name in now
        if name in then
        for index in [population_stability(then[name]["shares"], now[name]["shares"])]
    ]


def accepted(store: Minio, bucket: str, name: str) -> dict[str, Any] | None:
    """Of the last accepted run; None before there is one."""
    try:
        answer = store.get_object(bucket, _place(name))
    except S3Error as error:
        if error.code == "NoSuchKey":
            return None
        raise
    try:
        content: dict[str, Any] = json.loads(answer.read())
        return content
    finally:
        answer.close()
        answer.release_conn()


def accept(store: Minio, bucket: str, name: str, measured: dict[str, Any]) -> None:
    body = json.dumps(measured).encode()
    store.put_object(bucket, _place(name), io.BytesIO(body), len(body), content_type="application/json")


def _place(name: str) -> str:
    return f"gates/{name}/accepted.json"


def _edges(values: pd.Series) -> list[float]:
    return sorted({float(value) for value in np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])})


def _shares(values: pd.Series) -> Shares:
    return {str(value): float(share) for value, share in values.value_counts(normalize=True).items()}
