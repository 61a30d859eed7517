"""The results that are judged, out of the warehouse."""

from datetime import date
from typing import Any

import clickhouse_connect
import pandas as pd
from clickhouse_connect.driver.client import Client

from contracts.churn import CUSTOMER, FEATURES, LABEL
from contracts.settings import settings
from generators.clock import milliseconds
from spark_ml.churn import features
from spark_ml.churn.handed_on import load


def warehouse() -> Client:
    s = settings()
    return clickhouse_connect.get_client(
        dsn=s.url("CLICKHOUSE"), username=s.clickhouse_bi.user, password=s.clickhouse_bi.password, autogenerate_session_id=False
    )


def frame(client: Client, query: str, parameters: dict[str, Any] | None = None) -> pd.DataFrame:
    """With its columns also where there is no row."""
    found = client.query(query, parameters=parameters)
    return pd.DataFrame(found.result_rows, columns=list(found.column_names))


def orders(client: Client, until: pd.Timestamp) -> pd.DataFrame:
    """One row a customer: orders up to a moment, the last of them, and their mean value before discounts.

    Lines of one session are one order.
    """
    found = client.query_df(
        "SELECT customer_id, count() AS orders, max(ordered_at) AS last_at, avg(value) AS mean_value FROM ("
        " SELECT customer_id, min(purchased_at) AS ordered_at, toFloat64(sum(amount)) AS value FROM marts.fct_purchases"
        " WHERE session_id IS NOT NULL AND purchased_at <= fromUnixTimestamp64Milli({until:Int64})"
        " GROUP BY customer_id, session_id) GROUP BY customer_id",
        {"until": milliseconds(until)},
    )
    # The client leaves UTC away where it is the server's own zone.
    return found.assign(last_at=pd.to_datetime(found["last_at"], utc=True))


def newest_purchase(client: Client) -> pd.Timestamp:
    """In the marts, whoever sent it."""
    found = client.query("SELECT max(purchased_at) FROM marts.fct_purchases").result_rows[0][0]
    return pd.to_datetime(found, utc=True)


def experiment_results(client: Client) -> pd.DataFrame:
    """The mart, a row a variant."""
    found = frame(client, "SELECT * FROM marts.experiment_results ORDER BY experiment, variant")
    return found.assign(started_at=pd.to_datetime(found["started_at"], utc=True))


def exposed_controls(client: Client, control: str) -> pd.DataFrame:
    """A row for each experiment and exposed customer of its control: until when they were observed, what they bought in it."""
    found = frame(
        client,
        "SELECT e.experiment AS experiment, e.customer_id AS customer_id, any(e.observed_until) AS observed_until,"
        " countIf(p.purchased_at >= e.exposed_at AND p.purchased_at < e.observed_until) AS purchases,"
        " sumIf(toFloat64(p.net_amount), p.purchased_at >= e.exposed_at AND p.purchased_at < e.observed_until) AS net_revenue"
        " FROM marts.experiment_exposures AS e LEFT JOIN marts.fct_purchases AS p ON p.customer_id = e.customer_id"
        " WHERE e.variant = {control:String} GROUP BY e.experiment, e.customer_id",
        {"control": control},
    )
    return found.assign(observed_until=pd.to_datetime(found["observed_until"], utc=True))


def newest_evaluation(client: Client) -> pd.DataFrame:
    """Of the newest run of the churn model, a row a model; empty before there is one."""
    return frame(
        client,
        "SELECT * FROM ml.churn_evaluation FINAL WHERE run_id = ("
        "SELECT argMax(run_id, (as_of, computed_at)) FROM ml.churn_evaluation FINAL HAVING count() > 0)",
    )


def tested(run_id: str, model: str, cutoff: date) -> pd.DataFrame:
    """Customer, label and a model's score on the test set that a run of churn froze. LakeError where run or snapshot is gone.

    Not from today's marts: a build of another day has other cutoffs.
    """
    test = features.at(run_id, cutoff)
    score = load(run_id, model).predict_proba(test[list(FEATURES)])[:, 1]
    return pd.DataFrame({"customer_id": test[CUSTOMER], "label": test[LABEL], "score": score})


def newest_scores(client: Client) -> pd.DataFrame:
    """Customer, score and as-of day of the newest scores."""
    return client.query_df(
        "SELECT customer_id, churn_score, as_of FROM ml.churn_scores FINAL WHERE run_id = ("
        "SELECT argMax(run_id, (as_of, computed_at)) FROM ml.churn_scores FINAL HAVING count() > 0)"
    )


def newest_segments(client: Client) -> pd.DataFrame:
    """Customer and segment of the newest run."""
    return client.query_df(
        "SELECT customer_id, segment_name FROM ml.customer_segments FINAL WHERE run_id = ("
        "SELECT argMax(run_id, (as_of, computed_at)) FROM ml.customer_segments FINAL HAVING count() > 0)"
    )
