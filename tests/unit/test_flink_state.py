"""Where the job's state lies: it resumes from its newest."""

import os
import shutil

from contracts.settings import settings
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


def test_a_refused_job_says_why():
    closing = "org.apache.flink.client.program.ProgramAbortException: RuntimeException: Python process exits with code: 1"
    assert cause(f"Caused by: java.net.ConnectException: refused\n{closing}") == "Caused by: java.net.ConnectException: refused"
    assert cause(f"KeyError: 'minute'\n{closing}") == "KeyError: 'minute'"
    assert cause(closing) == "no output"
    told = cause(f"pyflink.TableException: Failed to execute sql\nCaused by: {OTHER_PLAN} for operator 1\n{closing}")
    assert str(state_folder(settings())) in told
