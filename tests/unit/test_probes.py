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
    probes.task_managers(host)()


@pytest.mark.parametrize("known", [{"taskmanagers": []}, {"taskmanagers": [path("flink-taskmanager-2")]}, [], {}])
def test_another_s_task_manager_does_not_count(known: object, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "http_json", lambda url: known)
    with pytest.raises(NotReadyError, match="0 of 1 TaskManagers of flink-taskmanager$"):
        probes.task_managers("flink-taskmanager")()


def test_one_of_two_on_a_host_is_not_enough(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "http_json", lambda url: {"taskmanagers": [path("127.0.0.1"), path("flink-taskmanager-2")]})
    with pytest.raises(NotReadyError, match="1 of 2 TaskManagers"):
        probes.task_managers("127.0.0.1", 2)()
