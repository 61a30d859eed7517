"""When a customer has churned, and the days at which the warehouse looks back to learn it."""

from datetime import date, timedelta

# A customer who buys nothing in this many days after a cutoff has churned.
LABEL_DAYS = 90
# Spans before the cutoff over which the features count.
FEATURE_WINDOWS = (30, 60, 90)
CUTOFF_STEP_DAYS = 30
LABELLED_CUTOFFS = 6
# How long a silence is called churn, and how soon those who broke it came back.
AUDIT_HORIZONS = (30, 60, 90, 120, 150, 180)
AUDIT_RETURNS = (30, 90)
AUDIT_CUTOFFS = 12

# The search for hyperparameters: draws a model, and the seconds after which none begins.
SEARCH_TRIALS, SEARCH_SECONDS = 15, 60
# Of a customer who stays, and of an offer, in the contracts' currency; the share of those about to leave whom an offer keeps.
CUSTOMER_VALUE, OFFER_COST, OFFER_SUCCESS = 60.0, 5.0, 0.25
# How much more ROC AUC a challenger must have on the test set of its own run to take the champion's place.
CHAMPION_MARGIN = 0.002

# Columns of marts.churn_features, by their part in the model.
CUTOFF, CUSTOMER, LABEL = "cutoff_day", "customer_id", "label"
COUNTS = (
    "recency_days", "tenure_days", "orders", "purchase_days", "units", "categories", "sessions", "days_since_session",
    *(f"{name}_{days}d" for days in FEATURE_WINDOWS for name in ("orders", "sessions", "views", "carts")),
)  # fmt: skip
AMOUNTS = (
    "days_between_orders", "recency_to_interval", "net_revenue", "average_order_value",
    *(f"net_revenue_{days}d" for days in FEATURE_WINDOWS),
)  # fmt: skip
SHARES = ("discount_share", "return_rate", "cart_abandon_rate")
TRENDS = tuple(f"{name}_trend_{days}d" for days in FEATURE_WINDOWS for name in ("orders", "sessions", "net_revenue"))
NUMERIC = (*COUNTS, *AMOUNTS, *SHARES, *TRENDS)
CATEGORIES = ("device", "country", "channel")
FEATURES = (*NUMERIC, *CATEGORIES)


def feature_cutoffs(as_of: date) -> list[date]:
    """The as-of day, whose label is not known yet, and LABELLED_CUTOFFS older days, newest first, whose labels are."""
    return [as_of, *_steps_back(as_of, LABEL_DAYS, LABELLED_CUTOFFS)]


def audit_cutoffs(as_of: date) -> list[date]:
    """Days from which at least the shortest of the horizons has passed, newest first."""
    return _steps_back(as_of, AUDIT_HORIZONS[0], AUDIT_CUTOFFS)


def _steps_back(as_of: date, passed: int, count: int) -> list[date]:
    """One day more than must have passed: the as-of day itself may not be over."""
    newest = as_of - timedelta(days=passed + 1)
    return [newest - timedelta(days=CUTOFF_STEP_DAYS * step) for step in range(count)]
