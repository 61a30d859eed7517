"""Dead letters that are sent again: all of them, however many, or one line that says why not."""

import base64
import socket
from collections.abc import Iterator

import pytest
import requests

from contracts import settings as module
from contracts.events import SOURCE_POSITION
from contracts.topics import STREAMS
from flink_jobs.submit import JobError
from runner import dead_letters

QUEUE = 3


class Producer:
    """Holds so many records as QUEUE until it is polled for a while."""

    def __init__(self, _: dict[str, object]) -> None:
        self.queued: list[bytes] = []
        self.sent: list[bytes] = []

    def produce(self, _topic: str, value: bytes, **_: object) -> None:
        if len(self.queued) == QUEUE:
            raise BufferError("Local: Queue full")
        self.queued.append(value)

    def poll(self, seconds: float) -> None:
        if seconds:
            self.flush(seconds)

    def flush(self, _: float) -> int:
        self.sent += self.queued
        self.queued.clear()
        return 0


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("CLICKHOUSE_PASSWORD", "BI_PASSWORD"):
        monkeypatch.setenv(name, "of-this-test")
    monkeypatch.setenv("CLICKHOUSE_PORT", "9")
    monkeypatch.delenv("CLICKHOUSE_URL", raising=False)
    module.settings.cache_clear()
    yield
    module.settings.cache_clear()


def test_more_records_than_the_queue_holds_are_all_sent(monkeypatch: pytest.MonkeyPatch):
    values = [str(number).encode() for number in range(3 * QUEUE + 1)]
    found = [
        {"raw_value": base64.b64encode(value).decode(), "raw_key": None, **{column.name: 1 for column in SOURCE_POSITION}}
        for value in values
    ]
    made: list[Producer] = []
    monkeypatch.setattr(dead_letters, "Producer", lambda options: made.append(Producer(options)) or made[0])
    monkeypatch.setattr(dead_letters, "letters", lambda *_: iter(found))
    assert dead_letters.retry(STREAMS[0], "") == len(values)
    assert made[0].sent == values


def test_a_warehouse_that_is_away_is_one_line(capsys: pytest.CaptureFixture[str]):
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 9)), "nobody listens there"
    assert dead_letters.main(["show"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("dead letters: ClickHouse at http://127.0.0.1:9: ")


@pytest.mark.parametrize("error", [requests.ConnectionError("HTTPConnectionPool(…)"), JobError("the job\ndoes not run")])
def test_flink_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception):
    def away() -> None:
        raise error

    monkeypatch.setattr(dead_letters, "wait_for_answers", away)
    assert dead_letters.main(["retry"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line in (
        f"dead letters: Flink does not answer on {module.settings().url('FLINK')} (ConnectionError)",
        "dead letters: the job",
    )
