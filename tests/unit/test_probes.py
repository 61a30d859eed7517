"""What a readiness probe takes for ready."""

import pytest

from runner import probes
from runner.service import NotReadyError


def path(host: str) -> dict[str, str]:
    """A TaskManager as Flink lists it."""
    return {"id": f"{host}:40381-8bfcc2", "path": f"pekko.tcp://flink@{host}:40381/user/rpc/taskmanager_0"}


@pytest.mark.parametrize("host", ["127.0.0.1", "flink-taskmanager-2", "Flink-TaskManager-2"])
def test_a_task_manager_is_known_by_its_own_host(host: str, monkeypatch: pytest.MonkeyPatch):
    known = {"taskmanagers": [path("127.0.0.1"), path("flink-taskmanager-2")]}
    monkeypatch.setattr(probes, "http_json", lambda url: known)
    probes.task_manager(host)()


@pytest.mark.parametrize("known", [{"taskmanagers": []}, {"taskmanagers": [path("flink-taskmanager-2")]}, [], {}])
def test_another_s_task_manager_does_not_count(known: object, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "http_json", lambda url: known)
    with pytest.raises(NotReadyError, match="no TaskManager of flink-taskmanager$"):
        probes.task_manager("flink-taskmanager")()
