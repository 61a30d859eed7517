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
