"""Render supervisord's configuration and have it running. Holding processes up is supervisord's work alone."""

import http.client
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from contracts.settings import ROOT, env_file, settings
from runner.control import IDENTIFIER, Control, socket_path
from runner.env import write_private
from runner.processes import MARKER
from runner.service import Part, Service, StackError
from runner.stop import stop_services

START_SECONDS = 15
LOG_BYTES = "20MB"
LOG_BACKUPS = 3
LISTENER = "job-reviver"

# Variables beyond a service's own, by the service's name.
Environments = Mapping[str, Mapping[str, str]]


def levels(parts: Mapping[str, Part]) -> dict[str, int]:
    """Length of the longest chain of what each part needs: services stop from the highest level down."""
    needed = {name: (*part.depends_on, *part.alongside) for name, part in parts.items()}
    level: dict[str, int] = {}
    for name in TopologicalSorter(needed).static_order():
        level[name] = 1 + max((level[each] for each in needed[name]), default=0)
    return level


def literal(value: object) -> str:
    """A value as supervisord reads it: ``%`` starts an expansion there."""
    return str(value).replace("%", "%%")


def section(title: str, values: Mapping[str, object]) -> str:
    return f"[{title}]\n" + "".join(f"{key}={literal(value)}\n" for key, value in values.items()) + "\n"


def program(service: Service, level: int, environment: Mapping[str, str]) -> dict[str, object]:
    preset = {"environment": ",".join(f'{name}="{value}"' for name, value in environment.items())} if environment else {}
    group = "true" if service.stop_as_group else "false"
    return {
        "command": shlex.join((sys.executable, "-m", "runner.launch", service.name)),
        "directory": ROOT,
        "priority": level,
        # Starts go in the order of dependencies, by `up`.
        "autostart": "false",
        "autorestart": "true",
        "startsecs": 1,
        # Another part may be away for an hour: the pauses grow by a second each time, and it never gives up.
        "startretries": 1000,
        "stopsignal": service.stop_signal,
        "stopwaitsecs": service.stop_seconds,
        "stopasgroup": group,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": log_file(service.name),
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_BACKUPS,
        **preset,
    }


def listener() -> dict[str, object]:
    """The program that supervisord tells of the JobManager's returns; the first to stop."""
    return {
        "command": shlex.join((sys.executable, "-m", "runner.revive")),
        "directory": ROOT,
        "events": "PROCESS_STATE_RUNNING",
        "buffer_size": 100,
        "priority": 999,
        "autorestart": "true",
        "startretries": 1000,
        "stopasgroup": "true",
        "killasgroup": "true",
        "stderr_logfile": log_file(LISTENER),
        "stderr_logfile_maxbytes": LOG_BYTES,
        "stderr_logfile_backups": LOG_BACKUPS,
    }


def log_file(name: str) -> Path:
    return settings().var / "log" / f"{name}.log"


def render(parts: Mapping[str, Part], environments: Environments | None = None) -> str:
    """supervisord.conf with one program per service. Without a secret: runner.launch reads those."""
    var, level = settings().var, levels(parts)
    supervisord = {
        "identifier": IDENTIFIER,
        "logfile": var / "log" / "supervisord.log",
        "pidfile": var / "run" / "supervisord.pid",
        "childlogdir": var / "log",
        "umask": "077",
    }
    return "".join(
        (
            section("unix_http_server", {"file": socket_path(), "chmod": "0700"}),
            section("supervisord", supervisord),
            section(
                "rpcinterface:supervisor", {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"}
            ),
            *(
                section(f"program:{name}", program(part, level[name], (environments or {}).get(name, {})))
                for name, part in parts.items()
                if isinstance(part, Service)
            ),
            section(f"eventlistener:{LISTENER}", listener()),
        )
    )


def take_up(control: Control) -> None:
    """Services that were added to or changed in the configuration; unchanged ones run on. StackError where that fails.

    What changed stops first, level by level: that may take longer than one answer of supervisord's may.
    """
    try:
        added, changed, removed = control.read_config()
        stop_services(control, (*changed, *removed))
        for name in (*changed, *removed):
            control.remove(name)
        for name in (*changed, *added):
            control.add(name)
    except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
        raise StackError(f"supervisord does not take up its configuration: {error}") from error


def ensure(parts: Mapping[str, Part], environments: Environments | None = None) -> bool:
    """supervisord runs and knows these services; True where this call has started it. A service that differs is stopped."""
    var, control = settings().var, Control()
    for directory in (var / "etc", var / "log", var / "run", socket_path().parent):
        directory.mkdir(parents=True, exist_ok=True)
    socket_path().parent.chmod(0o700)
    conf = var / "etc" / "supervisord.conf"
    write_private(conf, render(parts, environments))
    if control.running():
        take_up(control)
        return False
    command = (sys.executable, "-m", "supervisor.supervisord", "-c", str(conf))
    inherited = {"PYTHONPATH": ROOT, "ENV_FILE": env_file(), "VAR_DIR": var, "TOOLS_DIR": settings().tools, MARKER: var}
    environment = {**os.environ, **{name: str(value) for name, value in inherited.items()}}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        raise StackError(f"supervisord does not start: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    deadline = time.monotonic() + START_SECONDS
    while not control.running():
        if time.monotonic() > deadline:
            raise StackError(f"supervisord does not answer after {START_SECONDS} s: see {var / 'log' / 'supervisord.log'}")
        time.sleep(0.05)
    return True
