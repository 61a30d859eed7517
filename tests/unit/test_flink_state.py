"""Where the job's state lies: it resumes from its newest."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from contracts.settings import settings
from flink_jobs import submit
from flink_jobs.state import state_folder
from flink_jobs.submit import METADATA, OTHER_PLAN, SAVEPOINTS_KEPT, cause, newest_state, remove_old, savepoints


def test_the_job_resumes_from_its_newest_complete_state(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    settings.cache_clear()
    try:
        assert newest_state() is None
        folder = state_folder(settings())
        for age, name in enumerate(("savepoints/savepoint-1", "checkpoints/job/chk-9", "checkpoints/job/chk-8")):
            metadata = folder / name / METADATA
            metadata.parent.mkdir(parents=True)
            metadata.touch()
            os.utime(metadata, (1000 - age, 1000 - age))
        (folder / "checkpoints/job/chk-10").mkdir()  # begun, not complete
        assert newest_state() == folder / "savepoints/savepoint-1"
    finally:
        settings.cache_clear()


def test_a_checkpoint_that_vanishes_meanwhile_is_passed_over(tmp_path, monkeypatch):
    """Flink removes its older ones while somebody looks."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    settings.cache_clear()
    try:
        kept = state_folder(settings()) / "checkpoints" / "job" / "chk-9"
        vanishing = kept.with_name("chk-8")
        for state in (kept, vanishing):
            state.mkdir(parents=True)
            (state / METADATA).touch()

        shutil.rmtree(vanishing)
        monkeypatch.setattr(os, "walk", lambda folder: [(str(each), [], [METADATA]) for each in (vanishing, kept)])
        assert newest_state() == kept
    finally:
        settings.cache_clear()


def test_only_the_newest_savepoints_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    settings.cache_clear()
    try:
        for age, name in enumerate(("d", "a", "c", "b")):
            metadata = savepoints() / name / METADATA
            metadata.parent.mkdir(parents=True)
            metadata.touch()
            os.utime(metadata.parent, (1000 - age, 1000 - age))
        remove_old()
        assert SAVEPOINTS_KEPT == 2
        assert {each.name for each in savepoints().iterdir()} == {"d", "a"}
    finally:
        settings.cache_clear()


def complete(state: Path, age: int) -> Path:
    state.mkdir(parents=True)
    (state / METADATA).touch()
    os.utime(state / METADATA, (1000 - age, 1000 - age))
    return state


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The folder of the job's state."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    settings.cache_clear()
    yield state_folder(settings())
    settings.cache_clear()


def launched(monkeypatch, state: Path, jobs: list[str]) -> list[list[str]]:
    """Each submission makes the next of these jobs run; with what arguments it was launched."""
    given: list[list[str]] = []

    def launch(arguments: list[str]) -> None:
        given.append(arguments)
        (state / "checkpoints" / jobs[len(given) - 1] / "shared").mkdir(parents=True)

    monkeypatch.setattr(submit, "_launch", launch)
    monkeypatch.setattr(submit, "running", lambda: jobs[len(given) - 1] if given else "")
    monkeypatch.setattr(submit, "_wait_until_running", lambda: None)
    return given


def test_a_job_that_died_leaves_its_state_no_longer_than_it_is_needed(state, monkeypatch):
    checkpoints = state / "checkpoints"
    complete(checkpoints / "first" / "chk-3", 3)
    begun = complete(checkpoints / "second" / "chk-7", 1)
    (checkpoints / "third" / "shared").mkdir(parents=True)  # died before its first checkpoint was complete
    complete(state / "savepoints" / "savepoint-1", 4)
    given = launched(monkeypatch, state, ["fourth"])
    submit.submit()
    assert given == [[begun.as_uri()]]
    assert {each.name for each in checkpoints.iterdir()} == {"second", "fourth"}
    assert (begun / METADATA).exists()
    assert (state / "savepoints" / "savepoint-1" / METADATA).exists()


def test_after_a_savepoint_no_checkpoint_is_needed(state, monkeypatch):
    complete(state / "checkpoints" / "first" / "chk-3", 3)
    begun = complete(state / "savepoints" / "savepoint-1", 1)
    given = launched(monkeypatch, state, ["second"])
    submit.submit()
    assert given == [[begun.as_uri()]]
    assert {each.name for each in (state / "checkpoints").iterdir()} == {"second"}
    assert newest_state() == begun


def test_a_job_that_does_not_get_to_run_costs_no_state(state, monkeypatch):
    """Its state may be broken: the older ones are all there is."""
    complete(state / "checkpoints" / "first" / "chk-3", 3)
    complete(state / "checkpoints" / "second" / "chk-7", 1)
    launched(monkeypatch, state, ["third"])

    def refuse() -> None:
        raise submit.JobError("the job does not run")

    monkeypatch.setattr(submit, "_wait_until_running", refuse)
    with pytest.raises(submit.JobError):
        submit.submit()
    assert {each.name for each in (state / "checkpoints").iterdir()} == {"first", "second", "third"}


def test_a_job_that_runs_is_left_alone_with_all_states(state, monkeypatch):
    """What it began with is not known here, and may be all there is."""
    complete(state / "checkpoints" / "first" / "chk-3", 3)
    (state / "checkpoints" / "second").mkdir()
    monkeypatch.setattr(submit, "running", lambda: "second")
    monkeypatch.setattr(submit, "_wait_until_running", lambda: None)
    submit.submit()
    assert {each.name for each in (state / "checkpoints").iterdir()} == {"first", "second"}


def test_a_submission_that_hangs_is_one_line(state, monkeypatch):
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired(["flink", "run"], 1)

    monkeypatch.setattr(submit.flink, "home", lambda: Path("/flink"))
    monkeypatch.setattr(submit.flink, "environment", dict)
    monkeypatch.setattr(submit.subprocess, "run", hang)
    with pytest.raises(submit.JobError, match="not accepted within 180 s"):
        submit._launch([])


def test_a_refused_job_says_why():
    closing = "org.apache.flink.client.program.ProgramAbortException: RuntimeException: Python process exits with code: 1"
    assert cause(f"Caused by: java.net.ConnectException: refused\n{closing}") == "Caused by: java.net.ConnectException: refused"
    assert cause(f"KeyError: 'minute'\n{closing}") == "KeyError: 'minute'"
    assert cause(closing) == "no output"
    told = cause(f"pyflink.TableException: Failed to execute sql\nCaused by: {OTHER_PLAN} for operator 1\n{closing}")
    assert str(state_folder(settings())) in told
