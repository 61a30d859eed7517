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
    Column("segment", Type.INTEGER, "Number that the segment keeps from run to run; a new one takes a number never used before."),
    Column("segment_name", Type.LABEL, "Name from the profile, unique within the run."),
)

CUSTOMER_SEGMENTS = ResultTable(
    "customer_segments", ("run_id", "customer_id"),
    (
        *_RUN,
        Column("customer_id", Type.TEXT, "Who."),
        *_SEGMENT,
        Column("distance", Type.DOUBLE, "Distance to the centre of the segment, in standard deviations of the scaled features."),
        Column("previous_segment", Type.INTEGER, "The customer's segment in the run before; 0 for who was not in it."),
        Column("outlier_in", Type.TEXT, "Features in which the customer lies beyond the bounds, by comma; empty for most."),
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
        Column("revenue", Type.DOUBLE, f"Net revenue of the segment, {CURRENCY}."),
        Column("revenue_share", Type.DOUBLE, "Share of all net revenue; 0 where nobody brought any."),
        Column("previous_run", Type.TEXT, "The run whose segments these were matched with; empty for the first."),
        Column("overlap", Type.DOUBLE, "Jaccard index with the segment of that number in the run before; 0 for a new one."),
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
        Column("silhouette", Type.DOUBLE, "Mean silhouette of a sample by squared Euclidean distance, -1 to 1."),
        Column("seed_stability", Type.DOUBLE, "Median adjusted Rand index against clusterings of a sample with other seeds."),
        Column("bootstrap_stability", Type.DOUBLE, "The same against clusterings of samples drawn with replacement."),
        Column("cost", Type.DOUBLE, "Sum of squared distances to the centres, of the sample."),
        Column("chosen", Type.INTEGER, "1 for the number that the segments were made with, else 0."),
    ),
    "One row per run and number of clusters tried.",
)  # fmt: skip

SEGMENT_INPUTS = ResultTable(
    "segment_inputs", ("run_id", "feature"),
    (
        *_RUN,
        Column("feature", Type.LABEL, "Column of marts.customer_features."),
        Column("used", Type.INTEGER, "1 for a feature that tells customers apart, 0 for one that is the same for all."),
        Column("logged", Type.INTEGER, "1 where the logarithm was taken, else 0."),
        Column("missing", Type.BIGINT, "Customers without a value, who were given the median."),
        Column("low", Type.DOUBLE, "Lower bound, in the feature's unit; NaN where there is none."),
        Column("high", Type.DOUBLE, "Upper bound, in the feature's unit; NaN where there is none."),
        Column("outliers", Type.BIGINT, "Customers beyond the bounds, who were clustered as if they lay on them."),
        Column("least", Type.DOUBLE, "The smallest value of any customer; NaN where nobody has one."),
        Column("greatest", Type.DOUBLE, "The greatest; NaN where nobody has one."),
    ),
    "One row per run and feature: how it was prepared for clustering, and who lies far out.",
)  # fmt: skip

CHURN_EVALUATION = ResultTable(
    "churn_evaluation", ("run_id", "model"),
    (
        *_RUN,
        Column("model", Type.LABEL, "Model or baseline."),
        Column("cutoff_day", Type.DATE, "Cutoff of the test set: its 90 days begin after this UTC day."),
        Column("customers", Type.BIGINT, "Customers in the test set."),
        Column("churned", Type.BIGINT, "Of them, those who bought nothing in the 90 days."),
        Column("roc_auc", Type.DOUBLE, "Area under the ROC curve; 0.5 is chance."),
        Column("pr_auc", Type.DOUBLE, "Average precision; the share of the churned is chance."),
        Column("precision_at_top", Type.DOUBLE, "Share of churned among the customers at the top."),
        Column("recall_at_top", Type.DOUBLE, "Share of the churned who are among the customers at the top."),
        Column("top", Type.BIGINT, "How many customers the top is."),
        Column("f1", Type.DOUBLE, "Harmonic mean of precision and recall at the threshold."),
        Column("brier", Type.DOUBLE, "Mean squared error of the probability, 0 to 1; lower is better."),
        Column("threshold", Type.DOUBLE, "Probability from which an offer pays, found on the training cutoffs."),
        Column("profit", Type.DOUBLE, f"Of the offers from the threshold on, {CURRENCY}, at the run's costs."),
        Column("train_seconds", Type.DOUBLE, "Time of the fit, without the search."),
        Column("chosen", Type.INTEGER, "1 for the model that the run registered, else 0."),
    ),
    "One row per run and model: how well it tells who churns, on customers of a later cutoff.",
)  # fmt: skip

CHURN_SCORES = ResultTable(
    "churn_scores", ("run_id", "customer_id"),
    (
        *_RUN,
        Column("customer_id", Type.TEXT, "Who."),
        Column("churn_score", Type.DOUBLE, "Probability to buy nothing in the 90 days after the as-of day, 0 to 1."),
        Column("offer", Type.INTEGER, "1 where an offer pays by the model's threshold, else 0."),
        Column("factors", Type.TEXT, "What moves the score most, strongest first: feature = value; (+) is towards churn."),
        Column("model_version", Type.INTEGER, "Version in the registry of the model that scored: the champion at that time."),
    ),
    "One row per run and customer with at least one purchase.",
)  # fmt: skip

# Months ahead, as days: what is foretold of each customer.
HORIZONS = {3: 91, 6: 182, 12: 365}

LIFETIME_VALUES = ResultTable(
    "lifetime_values", ("run_id", "customer_id"),
    (
        *_RUN,
        Column("customer_id", Type.TEXT, "Who."),
        Column("p_alive", Type.DOUBLE, "Probability that the customer has not left, 0 to 1."),
        Column("expected_order_value", Type.DOUBLE, f"Mean net value of a day with purchases to come, {CURRENCY}."),
        *(
            Column(f"{what}_{months}m{end}", Type.DOUBLE, f"{words} within {months} months{meaning}.")
            for months in HORIZONS
            for what, words in (("purchases", "Expected days with purchases"), ("value", f"Expected net value, {CURRENCY},"))
            for end, meaning in (("", ""), ("_low", ", lower end of 95 %"), ("_high", ", upper end of 95 %"))
        ),
    ),
    "One row per run and customer with at least one purchase. Intervals are of the expectation.",
)  # fmt: skip

# What abandonment is explained by: who comes and what came before the cart, known at the first addition; and the cart as it lies
# at the end of the session, when it is known as well what became of it.
CART_NUMBERS_FIRST = (
    "weekday", "hour", "seconds_to_cart", "events_before", "views_before", "searches_before", "prior_sessions",
    "prior_cart_sessions", "prior_purchase_sessions",
)  # fmt: skip
CART_NUMBERS = (*CART_NUMBERS_FIRST, "carts", "removals", "units", "products", "categories", "highest_price", "cart_value")
CART_CATEGORIES = ("device", "country", "channel", "variant")

CART_SCORES = ResultTable(
    "cart_scores", ("run_id", "session_key"),
    (
        *_RUN,
        Column("session_key", Type.TEXT, "The session, as in marts.cart_sessions."),
        Column("abandon_score", Type.DOUBLE, "Probability that nothing is bought in the session, 0 to 1."),
        Column("is_abandoned", Type.INTEGER, "1 where nothing was bought in it, else 0."),
        Column("factors", Type.TEXT, "What moves the score most, strongest first: feature = value; (+) is towards abandonment."),
    ),
    "One row per run and session with a cart of the test days, which the model had not seen.",
)  # fmt: skip

# By the step that makes them; the last one of each is what people look for, and is written last.
RESULTS = {
    "segments": (SEGMENT_PROFILES, K_SELECTION, SEGMENT_INPUTS, CUSTOMER_SEGMENTS),
    "churn": (CHURN_EVALUATION, CHURN_SCORES),
    "lifetime": (LIFETIME_VALUES,),
    "carts": (CART_SCORES,),
}
ML_TABLES = tuple(table for tables in RESULTS.values() for table in tables)
# Those that dbt reads.
SOURCES = (CUSTOMER_SEGMENTS, SEGMENT_PROFILES, CHURN_SCORES)
