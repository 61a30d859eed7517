"""A message after each run, ``python -m alerts.summary``: the newest build, its tests, and how the segments changed."""

import logging
import sys

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from alerts.channels import AlertError, send
from alerts.messages import summary
from contracts.ml import SEGMENT_PROFILES
from contracts.ops import BUILDS
from contracts.settings import Settings, SettingsError, settings


class NothingToTellError(Exception):
    """No build has been kept yet."""


def newest_build(client: Client) -> dict:
    row = client.query(f"SELECT * FROM {BUILDS.qualified} FINAL ORDER BY started_at DESC LIMIT 1").first_item
    if not row:
        raise NothingToTellError(f"{BUILDS.qualified} is empty: run `make marts` first")
    return dict(row)


def segments(client: Client) -> list[dict]:
    """Segments of the newest run, the most valuable first, with what they held in the run before."""
    query = f"""
        WITH runs AS (
            SELECT run_id, max(computed_at) AS computed_at FROM {SEGMENT_PROFILES.qualified} GROUP BY run_id
            ORDER BY computed_at DESC, run_id DESC LIMIT 2
        ),
        profiles AS (SELECT * FROM {SEGMENT_PROFILES.qualified} FINAL WHERE run_id IN (SELECT run_id FROM runs)),
        newest AS (SELECT * FROM profiles WHERE run_id = (SELECT argMax(run_id, (computed_at, run_id)) FROM runs)),
        previous AS (SELECT * FROM profiles WHERE run_id != (SELECT argMax(run_id, (computed_at, run_id)) FROM runs))
        SELECT newest.segment_name AS segment_name, newest.customers AS customers, previous.customers AS customers_before
        FROM newest LEFT JOIN previous ON newest.segment = previous.segment
        ORDER BY newest.mean_net_revenue DESC, newest.segment
        SETTINGS join_use_nulls = 1"""
    return list(client.query(query).named_results())


def report(config: Settings) -> list[str]:
    """Send it; the channels that took it."""
    client = clickhouse_connect.get_client(
        host=config.host("CLICKHOUSE"), port=config.port("CLICKHOUSE"),
        username=config.clickhouse.user, password=config.clickhouse.password,
    )  # fmt: skip
    try:
        message = summary(newest_build(client), segments(client), (f"dashboards: {config.public_url('SUPERSET')}",))
    finally:
        client.close()
    return send(message, config)


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        print("sent to " + ", ".join(report(settings())))
    except (AlertError, NothingToTellError, SettingsError) as error:
        print(f"summary: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
