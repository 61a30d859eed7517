"""Flink: a session cluster of one JobManager and its TaskManagers, from the wheel that also runs the job."""

from contracts.settings import Settings
from runner import flink, probes
from runner.service import Page, Service
from runner.tools import jars


def jobmanager(s: Settings) -> Service:
    return Service(
        name="flink-jobmanager",
        command=(str(flink.home() / "bin" / "jobmanager.sh"), "start-foreground"),
        environment=flink.variables(s),
        ports=("FLINK", "FLINK_RPC"),
        needs=(flink.home(), jars("flink")),
        ready=probes.flink(task_managers=0),
        prepare=flink.prepare,
        page=Page("Flink: the streaming job", s.url("FLINK")),
        memory_mb=700,
    )


def taskmanager(s: Settings, name: str = "flink-taskmanager") -> Service:
    return Service(
        name=name,
        command=(str(flink.home() / "bin" / "taskmanager.sh"), "start-foreground"),
        environment=flink.variables(s),
        alongside=("flink-jobmanager",),
        needs=(flink.home(), jars("flink")),
        ready=probes.task_managers(s.get("FLINK_TASKMANAGER_HOST", s.host("FLINK")), s.task_managers),
        prepare=flink.prepare,
        memory_mb=2000,
    )


def taskmanagers(s: Settings) -> tuple[Service, ...]:
    return tuple(taskmanager(s, name) for name in flink.task_managers(s))
