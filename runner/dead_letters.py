"""What was set aside: ``python -m runner.dead_letters show`` counts it by reason, ``retry`` sends it once more.

A record that is tried again carries the position it had first. Accepted, it is the dead letter's own record, which counts as
delivered; refused again, it replaces its dead letter; so a second retry changes nothing. Lines of a file that made no event
are retried by replaying the mended file.
"""

import argparse
import base64
import sys
import time
from collections.abc import Iterator, Mapping

import requests
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException, Producer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.events import SOURCE_POSITION
from contracts.settings import SettingsError, settings
from contracts.tables import ACCEPTED, RAW_DEAD_LETTERS
from contracts.topics import FLINK_GROUP, MAX_MESSAGE_BYTES, SINK_GROUP, STREAMS, Stream
from flink_jobs.submit import JobError, checkpoint, flink_is_away
from runner.display import console as terminal
from runner.topics import text
from verify.settle import UnsettledError, wait_until_read
from verify.stores import warehouse

SAMPLES = 2
FLUSH_SECONDS = 60
ANSWER_SECONDS = 300


class DeadLetterError(RuntimeError):
    """Dead letters could not be read or sent; the message says why."""


def waiting(stream: Stream) -> str:
    """Condition: the dead letters of a stream whose record has not been accepted since."""
    position = ", ".join(column.name for column in SOURCE_POSITION)
    accepted = f"source_topic = '{stream.source}' AND ({position}) IN (SELECT {position} FROM {ACCEPTED[stream].qualified})"
    return f"stream = '{stream.event.name}' AND NOT ({accepted})"


def show(console: Console) -> None:
    """Dead letters that wait, by stream and reason, the newest of each as samples."""
    table = Table("stream", "reason", "count", "from", "to", "newest", show_lines=True)
    for stream in STREAMS:
        ordered = f"SELECT * FROM {RAW_DEAD_LETTERS.qualified} FINAL WHERE {waiting(stream)} ORDER BY dead_at"
        query = f"""SELECT toString(reason), count(), min(dead_at), max(dead_at), groupArrayLast({SAMPLES})((message, raw_value))
                    FROM ({ordered}) GROUP BY reason ORDER BY count() DESC"""
        for reason, count, first, last, samples in warehouse().query(query).result_rows:
            shown = "\n".join(f"{message}  {text(None if raw is None else base64.b64decode(raw))}" for message, raw in samples)
            table.add_row(stream.event.name, reason, f"{count:,}", f"{first:%F %T}", f"{last:%F %T}", escape(shown))
    console.print(table if table.row_count else "no dead letter waits")


def retry(stream: Stream, reason: str) -> int:
    """Send a stream's dead letters that wait to its topic for retries; how many."""
    fault: list[str] = []
    producer = Producer({
        "bootstrap.servers": settings().bootstrap_servers, "message.max.bytes": MAX_MESSAGE_BYTES,
        "enable.idempotence": True, "max.in.flight.requests.per.connection": 1,  # one: see generators/send.py
    })  # fmt: skip
    sent = 0
    for letter in letters(stream, reason):
        position = [(column.name, str(letter[column.name]).encode()) for column in SOURCE_POSITION]
        _send(
            producer, stream.retried, decoded(letter["raw_value"]), key=decoded(letter["raw_key"]), headers=position,
            on_delivery=lambda error, _message: fault.append(error.str()) if error else None,
        )  # fmt: skip
        sent += 1
    left = producer.flush(FLUSH_SECONDS)
    if left or fault:
        raise DeadLetterError(f"{stream.retried}: {left + len(fault)} of {sent} not sent: {fault[0] if fault else 'no answer'}")
    return sent


def _send(producer: Producer, *record: object, **options: object) -> None:
    """Waits where the queue is full."""
    while True:
        try:
            producer.produce(*record, **options)
            break
        except BufferError:
            producer.poll(0.05)
    producer.poll(0)


def letters(stream: Stream, reason: str) -> Iterator[Mapping[str, object]]:
    """Dead letters of the stream's own topic that wait; of one reason where one is given. Memory does not grow with them."""
    names = ["raw_value", "raw_key", *(column.name for column in SOURCE_POSITION)]
    query = f"""SELECT {", ".join(names)} FROM {RAW_DEAD_LETTERS.qualified} FINAL
                WHERE {waiting(stream)} AND source_topic = '{stream.source}' AND (%(reason)s = '' OR reason = %(reason)s)
                ORDER BY {", ".join(names[2:])}"""
    with warehouse().query_rows_stream(query, parameters={"reason": reason}) as rows:
        for row in rows:
            yield dict(zip(names, row, strict=True))


def wait_for_answers() -> None:
    """Until what was sent again has been judged, and the verdicts are in ClickHouse. UnsettledError after ANSWER_SECONDS."""
    deadline = time.monotonic() + ANSWER_SECONDS
    retried = [stream.retried for stream in STREAMS]
    verdicts = [topic for stream in STREAMS for topic in (stream.validated, stream.dead_letters)]
    wait_until_read(FLINK_GROUP, retried, deadline, lambda _text: None, ask=checkpoint)
    wait_until_read(SINK_GROUP, verdicts, deadline, lambda _text: None)


def decoded(value: object) -> bytes | None:
    return None if value is None else base64.b64decode(str(value))


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m runner.dead_letters", description="Records that were set aside.")
    parser.add_argument("action", choices=("show", "retry"))
    parser.add_argument("--reason", default="", help="retry this reason alone")
    parsed = parser.parse_args(given)
    try:
        if parsed.action == "show":
            show(terminal())
            return 0
        wait_for_answers()
        sent = {stream: retry(stream, parsed.reason) for stream in STREAMS}
        wait_for_answers()
        for stream in STREAMS:
            query = f"SELECT count() FROM {RAW_DEAD_LETTERS.qualified} FINAL WHERE {waiting(stream)}"
            print(f"{stream.event.name}: {sent[stream]} sent again, {warehouse().query(query).first_row[0]} wait still")
    except (DeadLetterError, UnsettledError, SettingsError, JobError) as error:
        return _failed(str(error))
    except KafkaException as error:
        return _failed(f"Kafka at {settings().bootstrap_servers}: {error.args[0].str()}")
    except ClickHouseError as error:
        return _failed(f"ClickHouse at {settings().url('CLICKHOUSE')}: {error}")
    except requests.RequestException as error:
        return _failed(flink_is_away(error))
    return 0


def _failed(why: str) -> int:
    print(f"dead letters: {(why.splitlines() or ['failed'])[0]}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
