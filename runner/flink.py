"""The Flink installation inside the ``apache-flink`` wheel: its paths, configuration and environment.

The services and whoever calls ``bin/flink`` share it: ``subprocess.run([home() / "bin/flink", …], env=environment())``.
"""

import math
import os
import re
import shutil
import threading
from pathlib import Path

from contracts.settings import ROOT, Settings, settings
from runner.service import StackError
from runner.tools import jars, java, packages, python, render

# JobManager and TaskManager start side by side and share these files.
PREPARING = threading.Lock()
COMMITTED = ROOT / "flink_jobs" / "flink-conf.yaml"


def home() -> Path:
    return packages("flink") / "pyflink"


def task_managers(s: Settings) -> tuple[str, ...]:
    """Names of the services that are TaskManagers."""
    return ("flink-taskmanager", *(f"flink-taskmanager-{number}" for number in range(2, s.task_managers + 1)))


def slots(s: Settings) -> int:
    """Of each TaskManager: together what the job takes, unless some are to be spare."""
    return s.number("FLINK_SLOTS", math.ceil(s.parallelism / s.task_managers))


def shipped_java_options() -> str:
    """The ``--add-opens`` that Flink ships; without them it fails on Java 17."""
    found = re.search(r"^ +all: (--add-.*)$", (home() / "conf" / "config.yaml").read_text(), re.MULTILINE)
    if not found:
        raise StackError(f"flink: no env.java.opts.all in {home() / 'conf' / 'config.yaml'}")
    return found[1]


def committed_options() -> dict[str, str]:
    """The flat ``key: value`` lines of flink_jobs/flink-conf.yaml."""
    lines = (line.strip() for line in COMMITTED.read_text().splitlines())
    pairs = (line.partition(": ") for line in lines if line and not line.startswith("#"))
    return {key: value.strip() for key, _, value in pairs}


def options(s: Settings) -> dict[str, object]:
    """config.yaml: what is shipped, what is committed, and what depends on this machine."""
    return {
        # The JDBC connector writes local times: the JVM lives in UTC.
        "env.java.opts.all": f"{shipped_java_options()} -Duser.timezone=UTC",
        "env.java.home": Path(java()).resolve().parent.parent,
        **committed_options(),
        "jobmanager.rpc.address": s.host("FLINK"),
        "jobmanager.rpc.port": s.port("FLINK_RPC"),
        "jobmanager.bind-host": s.bind_address,
        "jobmanager.memory.process.size": s.get("FLINK_JOBMANAGER_MEMORY", "1024m"),
        "rest.address": s.host("FLINK"),
        "rest.port": s.port("FLINK"),
        "rest.bind-port": s.port("FLINK"),
        "rest.bind-address": s.bind_address,
        "taskmanager.host": s.get("FLINK_TASKMANAGER_HOST", s.host("FLINK")),
        "taskmanager.bind-host": s.bind_address,
        "taskmanager.memory.process.size": s.get("FLINK_TASKMANAGER_MEMORY", "2560m"),
        "taskmanager.numberOfTaskSlots": slots(s),
        "parallelism.default": s.parallelism,
        "io.tmp.dirs": s.var / "flink" / "tmp",
        "python.executable": python("flink"),
        "python.client.executable": python("flink"),
    }


def prepare() -> None:
    """Configuration, and one lib directory of the wheel's jars and the connectors'."""
    with PREPARING:
        _prepare(settings())


def _prepare(s: Settings) -> None:
    conf, lib = s.var / "etc" / "flink", s.var / "flink" / "lib"
    for directory in (conf, lib, s.var / "flink" / "tmp", s.var / "log" / "flink"):
        directory.mkdir(parents=True, exist_ok=True)
    for shipped in (home() / "conf").glob("log*"):
        shutil.copy(shipped, conf / shipped.name)
    render(conf / "config.yaml", options(s), separator=": ")
    wanted = {jar.name: jar for directory in (home() / "lib", jars("flink")) for jar in directory.glob("*.jar")}
    # Python inside the JVM is loaded once a process: by the cluster's class loader, not by each job's.
    wanted |= {jar.name: jar for jar in (home() / "opt").glob("flink-python-*.jar")}
    for link in lib.iterdir():
        if link.name not in wanted or link.readlink() != wanted[link.name]:
            link.unlink()
    for name, jar in wanted.items():
        if not (lib / name).is_symlink():
            (lib / name).symlink_to(jar)


def environment() -> dict[str, str]:
    """The whole environment of a Flink program: ours, with Flink's directories."""
    return {**os.environ, **variables(settings())}


def variables(s: Settings) -> dict[str, str]:
    return {
        "FLINK_HOME": str(home()),
        # The interpreter inside the TaskManager knows no virtual environment.
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(packages("flink")))),
        "FLINK_CONF_DIR": str(s.var / "etc" / "flink"),
        "FLINK_LIB_DIR": str(s.var / "flink" / "lib"),
        "FLINK_LOG_DIR": str(s.var / "log" / "flink"),
        "FLINK_PID_DIR": str(s.var / "run"),
        "JAVA_HOME": str(Path(java()).resolve().parent.parent),
    }
