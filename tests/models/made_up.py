"""Made-up features of churn: who was away long and bought seldom is more likely to leave."""

from datetime import date

import numpy as np
import pandas as pd
from clickhouse_connect.driver.client import Client

from contracts.churn import CATEGORIES, CUSTOMER, CUTOFF, FEATURES, LABEL, feature_cutoffs

AS_OF = date(2026, 6, 30)


def features(customers: int = 400, seed: int = 0) -> pd.DataFrame:
    """Every customer at every cutoff of AS_OF."""
    return pd.concat([_at(day, customers, seed + number) for number, day in enumerate(feature_cutoffs(AS_OF))], ignore_index=True)


def _at(day: date, customers: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({name: random.gamma(2.0, 2.0, customers).round() for name in FEATURES if name not in CATEGORIES})
    frame["recency_days"] = random.integers(0, 200, customers).astype(float)
    frame["purchase_days"] = 1.0 + random.poisson(3, customers)
    frame["days_between_orders"] = np.where(frame["purchase_days"] > 1, random.integers(5, 40, customers), 0).astype(float)
    for name in ("discount_share", "return_rate", "cart_abandon_rate"):
        frame[name] = random.random(customers)
    frame["device"] = random.choice(["desktop", "mobile"], customers)
    frame["country"] = random.choice(["DE", "FR"], customers)
    frame["channel"] = random.choice(["email", "paid"], customers)
    odds = (frame["recency_days"] - 90) / 30 - (frame["purchase_days"] - 4) / 2
    frame[LABEL] = (random.random(customers) < 1 / (1 + np.exp(-odds))).astype(float)
    if day == AS_OF:
        frame[LABEL] = np.nan
    return frame.assign(**{CUTOFF: day, CUSTOMER: [f"c{number:05d}" for number in range(customers)]})


def fill(warehouse: Client, frame: pd.DataFrame) -> None:
    """marts.churn_features anew, with the mart's own types where they matter."""
    kinds = {
        CUTOFF: "Date32",
        CUSTOMER: "String",
        LABEL: "Nullable(Int32)",
        **dict.fromkeys(CATEGORIES, "LowCardinality(String)"),
    }
    columns = ", ".join(f"{name} {kinds.get(name, 'Float64')}" for name in frame)
    warehouse.command(f"CREATE OR REPLACE TABLE marts.churn_features ({columns}) ENGINE = MergeTree ORDER BY tuple()")
    label = [None if pd.isna(value) else int(value) for value in frame[LABEL]]
    data = [label if name == LABEL else frame[name].tolist() for name in frame]
    warehouse.insert("marts.churn_features", data, column_names=list(frame), column_oriented=True)
