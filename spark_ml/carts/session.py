"""Why one cart is likely to be abandoned: ``python -m spark_ml.carts.session --session S [--run-id R]``.

Of the newest run, or of ``R``: its model, and the session as the run has it. Prints what moves the score, and writes the
waterfall to VAR_DIR/reports/cart-S.html.
"""

import argparse
import re
import sys

import mlflow
import pandas as pd
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import EqualTo

from contracts.ml import CART_SCORES
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.errors import LakeError
from lakehouse.results import newest_run
from spark_ml.carts import report, sessions
from spark_ml.carts.abandonment import MODEL, STEP, contributions
from spark_ml.carts.sessions import FEATURES, KEY, LABEL, OVER
from spark_ml.churn.explain import short
from spark_ml.pages import publish
from spark_ml.registry.client import connect, exit_code


def one(catalog: Catalog, run_id: str, key: str) -> pd.DataFrame:
    """The session as a frame of one row. LakeError where the run has none of this key."""
    found = sessions.frozen(catalog, run_id, EqualTo(KEY, key))
    if found.sessions.empty:
        raise LakeError(f"{found.name} has no session {key!r} with a cart; marts.cart_sessions names those that there are")
    return found.sessions


def explain(run_id: str | None, key: str) -> str:
    """The lines that are printed; the last one names the page."""
    catalog, store = clients.catalog(settings()), clients.object_store(settings())
    connect(settings())
    run_id = run_id or newest_run(catalog, CART_SCORES)
    if run_id is None:
        raise LakeError(f"{CART_SCORES.identifier} is empty: run `make cart` first")
    row, version = one(catalog, run_id, key), runs.read(run_id, STEP)["version"]
    model = mlflow.sklearn.load_model(f"models:/{MODEL}/{version}")
    score = float(model.predict_proba(row[[*FEATURES]])[0, 1])
    values, base = contributions(model, row)
    said = "Nothing was bought in it" if row[LABEL].iloc[0] else "Something was bought in it"
    said += "." if row[OVER].iloc[0] else ", so far: it is not over, and the model knows finished sessions."
    text = report.session_page(key, score, said, run_id, values.iloc[0], row.iloc[0], base)
    page = publish(store, settings().bucket, "cart", re.sub(r"[^A-Za-z0-9._-]", "_", key), text)
    added = values.iloc[0].sort_values(key=abs, ascending=False)
    moved = [f"{value:+8.3f}  {name} = {short(row[name].iloc[0])}" for name, value in added.items()]
    head = f"session {key}: abandoned with a probability of {score:.1%} (version {version}). {said}"
    return "\n".join([head, f"{base:+8.3f}  the average session, log odds", *moved, str(page)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.carts.session", description="Why one cart is likely to be abandoned.")
    parser.add_argument("--session", required=True, help="session_key of marts.cart_sessions")
    parser.add_argument("--run-id", type=runs.run_id, help="of `make cart`; without it the newest")
    given = parser.parse_args()
    print(explain(given.run_id, given.session))


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.carts.session", main))
