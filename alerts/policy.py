"""What the tasks of all DAGs have in common: owner, tries, pauses between them, and who hears of a failure.

Knows no Airflow: a DAG passes ``default_args()`` on.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from alerts.channels import AlertError, send
from alerts.messages import failure
from contracts.settings import settings

log = logging.getLogger(__name__)

OWNER = "analytics"
RETRIES = 2  # three tries
BACKOFF = 2
LONGEST_PAUSE = timedelta(minutes=10)


def default_args(minutes: int = 5) -> dict[str, Any]:
    """Arguments of every task; ``minutes``: how long one may take where it does not say."""
    return {
        "owner": OWNER,
        "retries": RETRIES,
        "retry_delay": timedelta(seconds=settings().number("BATCH_RETRY_SECONDS", 30)),
        "retry_exponential_backoff": BACKOFF,
        "max_retry_delay": LONGEST_PAUSE,
        "execution_timeout": timedelta(minutes=minutes),
        "on_failure_callback": tell_of_failure,
    }


def tell_of_failure(context: Mapping[str, Any]) -> None:
    """Send a message about the task of Airflow's context. A channel that is down is logged: the task's own error matters more."""
    task = context["ti"]
    message = failure(
        task.dag_id, task.task_id, task.run_id, task.try_number, context.get("exception"), getattr(task, "log_url", "")
    )
    try:
        send(message, settings())
    except AlertError as error:
        log.error("the alert was not sent: %s", error)
