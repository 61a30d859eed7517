"""# Watch the stream

Every five minutes **look_at_the_stream** reads every part as the page *Watch* does: does it answer, do the job and the
connector run, how far behind are Flink and the sink, does the replication slot hold back WAL, how many records were set aside
since the last look, was anything restarted. What is alarming is sent to the log, and by e-mail or Slack where they are set up.

## Run again
Trigger it: a look changes nothing but the memory of the last one.

## When it fails
It fails only where an alarm could not be sent, or where a limit is no whole number; its log's last line names the channel or the
setting. The next try tells of the same: a look is remembered once it has been told. An alarm itself is no failure of this DAG.
The limits are the settings `ALARM_LAG_RECORDS`, `ALARM_SLOT_BYTES`, `ALARM_DEAD_LETTERS_PER_MINUTE`, `ALARM_IDLE_SECONDS`.
"""

from airflow.sdk import dag
from airflow.timetables.trigger import CronTriggerTimetable
from batch_tasks import run_alone

from alerts.policy import default_args
from contracts.steps import STREAM_WATCH


@dag(
    dag_display_name="Stream watch",
    description="Tells of lag, restarts, dead letters and whatever does not run",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["live", "watch"],
    default_args=default_args(),
)
def stream_watch() -> None:
    run_alone(STREAM_WATCH)


stream_watch()
