"""An upgrade of the job: alone at work, and one line where it fails."""

import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from contracts import settings as module
from flink_jobs import upgrade
from flink_jobs.submit import JobError
from runner.lock import starting
from runner.service import NotReadyError


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the upgrade did, and whether another start could have come in between."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    module.settings.cache_clear()
    done: list[str] = []

    def step(name: str) -> None:
        with starting(wait=False) as free:
            done.append(f"{name}, {'unlocked' if free else 'locked'}")

    monkeypatch.setattr(upgrade, "running", lambda: "job")
    monkeypatch.setattr(upgrade, "newest_state", lambda: "savepoint-1")
    for name in ("stop", "restart_taskmanagers", "submit"):
        monkeypatch.setattr(upgrade, name, lambda name=name: step(name))
    yield done
    module.settings.cache_clear()


def test_nobody_else_submits_meanwhile(steps: list[str]):
    assert upgrade.main() == 0
    assert steps == ["stop, locked", "restart_taskmanagers, locked", "submit, locked"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (JobError("no savepoint after 180 s"), "no savepoint after 180 s"),
        (NotReadyError("the Flink cluster is not ready after 60 s: 0 of 1"), "the Flink cluster is not ready after 60 s: 0 of 1"),
        (requests.ConnectionError("HTTPConnectionPool(…)"), "Flink does not answer on http://127.0.0.1:8081 (ConnectionError)"),
        (FileNotFoundError(2, "No such file or directory"), "[Errno 2] No such file or directory"),
        (xmlrpc.client.Fault(6, "SHUTDOWN_STATE"), "<Fault 6: 'SHUTDOWN_STATE'>"),
    ],
)
def test_a_failure_is_one_line_with_what_to_do(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, told: str
):
    monkeypatch.delenv("PORT_OFFSET", raising=False)

    def fail() -> None:
        raise error

    monkeypatch.setattr(upgrade, "restart_taskmanagers", fail)
    assert upgrade.main() == 1
    assert capsys.readouterr().err == f"upgrade: {told}; `make up` submits the job where it does not run\n"
