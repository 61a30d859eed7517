"""# A message after each run

Whenever there are new segments, of `customer_pipeline` or of `customer_segments`, **send_summary** sends a message: the newest
build of the marts, its tests, the segments and how they changed. It goes to the task's log, by e-mail where
`ALERT_SMTP_SERVER` and `ALERT_MAIL_TO` are set, and to Slack where `ALERT_SLACK_WEBHOOK` is. Failures of any DAG's tasks go
the same ways.

## Run again
Clear the task: the message is sent once more, about what is newest then.

## When it fails
The log's last line names the channel that refused, or says that nothing has been built. The results themselves are in place.
"""

from airflow.sdk import Asset, dag
from batch_tasks import run_alone

from alerts.policy import default_args
from contracts.steps import SUMMARY, WRITE_BACK


@dag(
    dag_display_name="Summary report",
    description="Sends a message about the newest build and the changes of the segments",
    doc_md=__doc__,
    schedule=[Asset(WRITE_BACK.result)],
    catchup=False,
    max_active_runs=1,
    tags=["batch", "alerts"],
    default_args=default_args(),
)
def summary_report() -> None:
    run_alone(SUMMARY)


summary_report()
