"""The lake: its catalogue, the marts that are exported to it, and what marks a run in it.

Iceberg tables are named ``<namespace>.<table>`` in the catalogue CATALOG, which pyiceberg and Spark share.
"""

import re
from dataclasses import dataclass

# Spark and pyiceberg find each other's tables only under the same name.
CATALOG = "lake"
MARTS_NAMESPACE = "marts"
ML_NAMESPACE = "ml"

# Properties in the summary of a snapshot.
RUN_ID = "run-id"
AS_OF = "as-of"

# A run id is a part of paths, object names and SQL.
_RUN_ID_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class ExportedMart:
    """A mart that every run copies to the lake; ``key`` is its grain."""

    name: str
    key: tuple[str, ...]

    @property
    def identifier(self) -> str:
        return f"{MARTS_NAMESPACE}.{self.name}"


CUSTOMER_FEATURES = ExportedMart("customer_features", ("customer_id",))
CLV_SUMMARY = ExportedMart("clv_summary", ("customer_id",))
EXPORTED_MARTS = (
    ExportedMart("dim_customers", ("customer_id",)),
    ExportedMart("fct_purchases", ("purchase_id",)),
    ExportedMart("fct_sessions", ("session_key",)),
    CLV_SUMMARY,
    CUSTOMER_FEATURES,
)
CHURN_FEATURES = ExportedMart("churn_features", ("cutoff_day", "customer_id"))
CART_SESSIONS = ExportedMart("cart_sessions", ("session_key",))
# What a model reads beside them is copied by a run of its own.
MODEL_MARTS = {mart.name: mart for mart in (CHURN_FEATURES, CLV_SUMMARY, CART_SESSIONS)}


def check_run_id(run_id: str) -> str:
    """The run id itself; ValueError where it cannot be a part of a path."""
    if not _RUN_ID_FORM.fullmatch(run_id):
        raise ValueError(f"run id {run_id!r}: 1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit")
    return run_id
