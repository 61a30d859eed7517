"""Register the Debezium connector with Kafka Connect; may run again, and updates what changed."""

import json
import time

import requests

from contracts.settings import ROOT, Settings, settings
from contracts.topics import CDC_CONNECTOR

DEADLINE_SECONDS = 90


class ConnectorError(RuntimeError):
    """Connect refused the connector, or its task does not run; the message says why."""


def configuration(config: Settings) -> dict[str, str]:
    address = {
        "database.hostname": config.host("POSTGRES"),
        "database.port": str(config.port("POSTGRES")),
        "database.dbname": config.postgres_database,
    }
    return {**json.loads((ROOT / "cdc" / "connector.json").read_text()), **address}


def register() -> None:
    """Put the configuration and wait until the connector and its task run; ConnectorError after the deadline."""
    url = f"{settings().url('CONNECT')}/connectors/{CDC_CONNECTOR}"
    deadline = time.monotonic() + DEADLINE_SECONDS
    answer = requests.put(f"{url}/config", json=configuration(settings()), timeout=30)
    while answer.status_code == requests.codes.conflict and time.monotonic() < deadline:  # the worker is rebalancing
        time.sleep(0.5)
        answer = requests.put(f"{url}/config", json=configuration(settings()), timeout=30)
    if not answer.ok:
        raise ConnectorError(f"connector {CDC_CONNECTOR}: Connect answered {answer.status_code}: {answer.text[:500]}")
    while True:
        state, trace = _state(url)
        if state == "RUNNING":
            return
        if state == "FAILED":
            # A task that failed before (its database was away) does not start again by itself.
            requests.post(f"{url}/restart", params={"includeTasks": "true", "onlyFailed": "true"}, timeout=30)
        if time.monotonic() > deadline:
            raise ConnectorError(f"connector {CDC_CONNECTOR} is {state} after {DEADLINE_SECONDS} s: {trace[:500]}")
        time.sleep(0.5)


def _state(url: str) -> tuple[str, str]:
    """State of connector and task together, and the task's error if it has one."""
    answer = requests.get(f"{url}/status", timeout=10)
    if not answer.ok:
        return "UNKNOWN", answer.text
    status = answer.json()
    parts = [status["connector"], *status["tasks"]]
    for part in parts:
        if part["state"] != "RUNNING":
            return part["state"], part.get("trace", "")
    return ("RUNNING" if status["tasks"] else "WITHOUT TASK"), ""


if __name__ == "__main__":
    register()
