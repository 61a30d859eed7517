"""When the streaming job is submitted again, and when it is left to others."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from contracts import settings as module
from runner import probes, revive
from runner.lock import starting
from runner.service import Step
from runner.steps import submitted_mark


@pytest.fixture
def submissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    module.settings.cache_clear()
    (tmp_path / "run").mkdir()
    done: list[str] = []
    monkeypatch.setattr(probes, "flink", lambda task_managers: lambda: None)
    monkeypatch.setattr(revive, "steps", lambda: {"flink_jobs": Step("flink_jobs", lambda: done.append("submitted"))})
    yield done
    module.settings.cache_clear()


def test_a_job_that_was_lost_is_submitted(submissions: list[str]):
    submitted_mark().touch()
    revive.revive()
    assert submissions == ["submitted"]


def test_without_an_earlier_job_there_is_none_to_revive(submissions: list[str]):
    revive.revive()
    assert submissions == []


def test_a_start_that_is_at_work_is_waited_for(
    submissions: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """It may have submitted before the JobManager died."""
    submitted_mark().touch()
    other = ExitStack()
    other.enter_context(starting())
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        assert submissions == []
        looks.append(seconds)
        if len(looks) == 3:
            other.close()

    monkeypatch.setattr(revive.time, "sleep", sleep)
    revive.revive()
    assert submissions == ["submitted"]
    assert len(looks) == 3
    assert capsys.readouterr().out == "", "supervisord reads standard output"


def test_a_failure_is_tried_again(submissions: list[str], monkeypatch: pytest.MonkeyPatch):
    submitted_mark().touch()
    answers = iter((RuntimeError("not yet"), None))

    def submit() -> None:
        submissions.append("tried")
        if error := next(answers):
            raise error

    monkeypatch.setattr(revive, "steps", lambda: {"flink_jobs": Step("flink_jobs", submit)})
    revive.revive()
    assert submissions == ["tried", "tried"]
