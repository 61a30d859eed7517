"""A Docker engine for the tests: the machine's own, or one started for them whose folder and network go with them."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 60
BRIDGE = "docker0"


class NoEngineError(RuntimeError):
    """No engine answers and none can be started, or no client can build; the message says why."""


def succeeds(*command: str | Path, environment: dict[str, str] | None = None) -> bool:
    return subprocess.run(command, capture_output=True, env=environment).returncode == 0


def client() -> Path:
    """The first docker that builds with BuildKit: by its separate component, or from before there was one (version 23)."""
    places = [Path(place) / "docker" for place in (*os.get_exec_path(), "/usr/bin")]
    found = [program for program in dict.fromkeys(places) if os.access(program, os.X_OK)]
    for program in found:
        if succeeds(program, "buildx", "version") or version(program) < 23:
            return program
    if found:
        raise NoEngineError(f"{found[0]} has no buildx, which builds images since version 23: install docker-buildx")
    raise NoEngineError("docker is not on this machine: install Docker Engine (on Debian: apt-get install docker.io)")


def version(program: Path) -> int:
    """Major version of a client; its own output is the only one that needs no engine."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    return int(done.stdout.split()[2].partition(".")[0])


@contextmanager
def engine(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which docker works."""
    program = client()
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "docker").symlink_to(program)
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    if succeeds(program, "ps", environment=environment):
        yield environment
        return
    if os.geteuid() or not shutil.which("dockerd"):
        raise NoEngineError("no Docker engine answers this user, and only root with dockerd installed can start one")
    environment["DOCKER_HOST"] = f"unix://{folder / 'docker.sock'}"
    with started(folder, program, environment):
        yield environment


@contextmanager
def started(folder: Path, program: Path, environment: dict[str, str]) -> Iterator[None]:
    command = ["dockerd", f"--host={environment['DOCKER_HOST']}", f"--pidfile={folder / 'dockerd.pid'}"]
    command += [f"--data-root={folder / 'data'}", f"--exec-root={folder / 'exec'}"]
    others = traces()
    with (folder / "dockerd.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not succeeds(program, "ps", environment=environment):
            if process.poll() is not None or time.monotonic() > deadline:
                last = (folder / "dockerd.log").read_text().strip().splitlines()[-1:]
                raise NoEngineError(f"dockerd does not start within {START_SECONDS} s: {' '.join(last)}")
            time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        shutil.rmtree(folder / "data", ignore_errors=True)
        if not others:
            for trace in traces():
                subprocess.run(trace, capture_output=True)


def traces() -> list[list[str]]:
    """What an engine leaves when it stops, as commands that remove it: rules of the firewall, then its chains, its bridge."""
    rules, chains = [], []
    for table in ("nat", "filter"):
        saved = subprocess.run(["iptables-save", "--table", table], capture_output=True, text=True).stdout.splitlines()
        change = ["iptables", "--table", table]
        rules += [[*change, "-D", *shlex.split(line)[1:]] for line in saved if line.startswith("-A ") and is_docker_s(line)]
        chains += [[*change, "-X", line[1:].split()[0]] for line in saved if line.startswith(":") and is_docker_s(line)]
    bridge = [["ip", "link", "delete", BRIDGE]] if Path("/sys/class/net", BRIDGE).exists() else []
    return rules + chains + bridge


def is_docker_s(line: str) -> bool:
    return "DOCKER" in line or BRIDGE in line
