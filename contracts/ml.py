"""What the models read from the mart of features, and the tables they write: the same in Iceberg and in ClickHouse.

Rows of every table belong to a run and are written once under its run id.
"""

from dataclasses import dataclass

from contracts.events import CURRENCY
from contracts.lake import ML_NAMESPACE
from contracts.tables import ML_DATABASE, ClickHouseTable
from contracts.types import Column, Type


@dataclass(frozen=True)
class Feature:
    """A numeric column of ``marts.customer_features`` and what it says in words."""

    name: str
    label: str
    unit: str = ""


CUSTOMER_KEY = "customer_id"
RECENCY = Feature("recency_days", "days since the last purchase", "days")
ORDERS = Feature("orders", "orders")
REVENUE = Feature("net_revenue", "net revenue", CURRENCY)
ORDER_VALUE = Feature("average_order_value", "average order value", CURRENCY)
SESSIONS_90D = Feature("sessions_90d", "sessions in the last 90 days")
CART_ABANDON_RATE = Feature("cart_abandon_rate", "share of carts abandoned")
CATEGORIES = Feature("categories", "categories bought from")
DISCOUNT_SHARE = Feature("discount_share", "discount as a share of gross value")
RETURN_RATE = Feature("return_rate", "share of purchases returned or cancelled")

# What the segments are cut by: recency, frequency, monetary value, then behaviour.
SEGMENT_FEATURES = (
    RECENCY, ORDERS, REVENUE, ORDER_VALUE, SESSIONS_90D, CART_ABANDON_RATE, CATEGORIES, DISCOUNT_SHARE, RETURN_RATE,
)  # fmt: skip


@dataclass(frozen=True)
class ResultTable(ClickHouseTable):
    """A table of results; a run that is written again replaces itself."""

    database = ML_DATABASE

    @property
    def identifier(self) -> str:
        """Name in the lake's catalogue."""
        return f"{ML_NAMESPACE}.{self.name}"


_RUN = (
    Column("run_id", Type.LABEL, "The run that wrote the row."),
    Column("as_of", Type.DATE, "The features are as known at the end of this day, UTC."),
    Column("computed_at", Type.TIMESTAMP, "When the run computed it; the same in all rows of a run."),
)
_SEGMENT = (
    Column("segment", Type.INTEGER, "Segment of this run, 1 upwards by falling mean net revenue."),
    Column("segment_name", Type.LABEL, "Name from the profile, unique within the run."),
)

CUSTOMER_SEGMENTS = ResultTable(
    "customer_segments", ("run_id", "customer_id"),
    (
        *_RUN,
        Column("customer_id", Type.TEXT, "Who."),
        *_SEGMENT,
        Column("distance", Type.DOUBLE, "Distance to the centre of the segment, in standard deviations of the scaled features."),
    ),
    "One row per run and customer with at least one purchase.",
)  # fmt: skip

SEGMENT_PROFILES = ResultTable(
    "segment_profiles", ("run_id", "segment"),
    (
        *_RUN,
        *_SEGMENT,
        Column("meaning", Type.TEXT, "The profile in words."),
        Column("customers", Type.BIGINT, "Customers in the segment."),
        Column("share", Type.DOUBLE, "Share of all customers, 0 to 1."),
        Column("revenue_share", Type.DOUBLE, "Share of all net revenue; 0 where nobody brought any."),
        *(
            Column(f"{statistic}_{feature.name}", Type.DOUBLE, f"{statistic.capitalize()} of {feature.label} over the segment.")
            for feature in SEGMENT_FEATURES
            for statistic in ("mean", "median")
        ),
    ),
    "One row per run and segment: its size and its features.",
)  # fmt: skip

K_SELECTION = ResultTable(
    "k_selection", ("run_id", "k"),
    (
        *_RUN,
        Column("k", Type.INTEGER, "Number of clusters tried."),
        Column("silhouette", Type.DOUBLE, "Mean silhouette by squared Euclidean distance, -1 to 1; the highest wins."),
        Column("cost", Type.DOUBLE, "Sum of squared distances to the centres."),
        Column("chosen", Type.INTEGER, "1 for the number that the segments were made with, else 0."),
    ),
    "One row per run and number of clusters tried.",
)  # fmt: skip

ML_TABLES = (CUSTOMER_SEGMENTS, SEGMENT_PROFILES, K_SELECTION)
