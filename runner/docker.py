"""The stack in containers: ``python3 -m runner.docker up | demo | synth FILE | down [--remove-data]``, with the system's Python.

``PROFILES`` names the parts, the usual ones unless set; the env file gets the secrets that it lacks, as natively.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from contracts.settings import PORTS, ROOT, SECRETS, SettingsError, env_file, settings
from runner.docker_images import build_commands
from runner.env import write_missing
from runner.logs import excerpt
from runner.preflight import port_holder
from runner.setup.compose import program

# What is started where PROFILES says nothing.
USUAL = ("core", "batch", "ui")
# Title, port and login of each page, by profile.
PAGES = {
    "core": (
        ("Flink: the streaming job", "FLINK", ""),
        ("ClickHouse: HTTP interface", "CLICKHOUSE", "bi / CLICKHOUSE_BI_PASSWORD"),
        ("Watch: lag, freshness, dead letters, restarts", "WATCH", ""),
    ),
    "batch": (
        ("MinIO: files of the lake", "MINIO_CONSOLE", "lake / MINIO_ROOT_PASSWORD"),
        ("Airflow: batch runs", "AIRFLOW", "admin / AIRFLOW_ADMIN_PASSWORD"),
    ),
    "models": (("MLflow: runs and versions of the models", "MLFLOW", ""),),
    "ui": (("Superset: dashboards", "SUPERSET", "admin / SUPERSET_ADMIN_PASSWORD"), ("Kafdrop: topics", "KAFDROP", "")),
}
READY_SECONDS = 900
# The oldest Docker Compose that reads the compose file.
COMPOSE = (2, 24)
LOG_LINES = 15
# Of these the first that tells of trouble is shown too.
LOG_LINES_READ = 2000


class DockerError(Exception):
    """The containers cannot be started or stopped; the message is one line."""


def profiles() -> list[str]:
    """DockerError names one that does not exist."""
    names = settings().get("PROFILES", ",".join(USUAL)).replace(",", " ").split()
    unknown = [name for name in names if name not in PAGES]
    if unknown:
        raise DockerError(f"PROFILES: {unknown[0]!r} is none of {', '.join(PAGES)}")
    return ["core", *(name for name in PAGES if name in names and name != "core")]


def output_of(*command: str) -> tuple[int, str]:
    """Exit status, and the last line that is not empty."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return done.returncode, lines[-1] if lines else ""


def compose() -> list[str]:
    """The command of Docker Compose, the first that is new enough: docker's plug-in, a program of its own, setup's."""
    if not shutil.which("docker"):
        raise DockerError("docker is not on the PATH: install Docker Engine, or use `make up`, which needs none")
    too_old = []
    for command in (["docker", "compose"], ["docker-compose"]):
        status, answer = output_of(*command, "version", "--short")
        if status:
            continue
        if not is_too_old(answer):
            return command
        too_old.append(f"{' '.join(command)} is version {answer}, {'.'.join(map(str, COMPOSE))} or newer is needed")
    if os.access(own := program(settings().tools), os.X_OK):
        return [str(own)]
    problem = "; ".join(too_old) or "this docker has no Compose"
    raise DockerError(f"{problem}: install docker's plug-in, or run `python3 -m runner.setup compose`")


def is_too_old(version: str) -> bool:
    """One that was built by hand calls itself ``dev``, and is new."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return bool(found) and (int(found[1]), int(found[2])) < COMPOSE


def check_engine() -> None:
    """The engine answers this user."""
    status, answer = output_of("docker", "ps", "--quiet")
    if status and "permission denied" in answer:
        raise DockerError("this user may not use the Docker engine: join the group `docker`, or run as root")
    if status:
        raise DockerError(f"the Docker engine does not answer: {answer or f'docker ps ended with {status}'}")


def check_memory(project: dict) -> None:
    """The engine has what the containers that keep running may take together."""
    limits = (int(each["mem_limit"]) for each in project["services"].values() if each.get("restart") != "no")
    _, memory = output_of("docker", "info", "--format", "{{.MemTotal}}")
    found, needed = int(memory) // 2**20, sum(limits) // 2**20
    if found < needed:
        raise DockerError(f"Docker has {found} MB of memory, the containers may take {needed} MB: PROFILES leaves parts out")


def environment() -> dict[str, str]:
    """Ports as the native stack computes them, so that PORT_OFFSET moves these as well."""
    s = settings()
    ports = {f"{name}_PORT": str(s.port(name)) for name in PORTS}
    ports["SYNTH_PORT"] = str(s.synth_port)
    return {**os.environ, **ports, "BIND_ADDRESS": s.bind_address, "DOCKER_BUILDKIT": "1"}


def chosen(command: list[str], only: list[str] | None = None) -> list[str]:
    """Compose with the env file and the profiles, all of them unless named."""
    return [*command, "--env-file", str(env_file()), *(word for name in only or ["*"] for word in ("--profile", name))]


def run(command: list[str], *arguments: str, only: list[str] | None = None) -> None:
    done = subprocess.run([*chosen(command, only), *arguments], cwd=ROOT, env=environment())
    if done.returncode:
        raise DockerError(f"docker compose {arguments[0]} ended with {done.returncode}: its last lines name the part")


def read(command: list[str], *arguments: str, only: list[str] | None = None) -> str:
    """What Compose prints; DockerError with its last line where it fails."""
    done = subprocess.run([*chosen(command, only), *arguments], cwd=ROOT, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise DockerError(f"docker compose {arguments[0]}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return done.stdout


def configuration(command: list[str], wanted: list[str]) -> dict:
    """The compose file of these profiles as Compose reads it."""
    return json.loads(read(command, "config", "--format", "json", only=wanted))


def taken_ports(project: dict) -> Iterator[str]:
    """A line for each port that something else than this project's containers has; of a local engine, others are not seen."""
    _, engine = output_of("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    if engine.startswith(("tcp:", "ssh:")):
        return
    label = f"label=com.docker.compose.project={project['name']}"
    own = subprocess.run(["docker", "ps", "--filter", label, "--format", "{{.Ports}}"], capture_output=True, text=True).stdout
    names = {settings().port(name): f", or set {name}_PORT or PORT_OFFSET" for name in PORTS}
    for service, given in project["services"].items():
        for each in given.get("ports", []):
            host, port = each["host_ip"], int(each["published"])
            if f"{host}:{port}->" not in own and (holder := port_holder(host, port)):
                yield f"{service}: port {port} on {host} is {holder}: free it{names.get(port, '')}"


def failures(command: list[str]) -> Iterator[str]:
    """What the log of each part says that failed or is not healthy."""
    for line in read(command, "ps", "--all", "--format", "json").splitlines():
        part = json.loads(line)
        if part["ExitCode"] or part["Health"] == "unhealthy":
            yield f"--- {part['Service']}: {part['Status']}"
            log = read(command, "logs", "--no-log-prefix", "--tail", str(LOG_LINES_READ), part["Service"])
            yield "\n".join(excerpt(log.rstrip().splitlines(), LOG_LINES))


def build(project: dict) -> None:
    """The project's own images, one after the other: they share most of their stages."""
    for image, command in build_commands(project, settings()).items():
        print(f"build {image}", flush=True)
        done = subprocess.run(command, cwd=ROOT, env=environment())
        if done.returncode:
            raise DockerError(f"docker build of {image} ended with {done.returncode}: its last lines say why")


def secrets() -> None:
    """Write those that are missing; SettingsError names a placeholder."""
    added = write_missing(env_file())
    if added:
        print(f"{env_file()}: {len(added)} secrets written")
    for name in SECRETS:
        settings().secret(name)


def up() -> None:
    command, wanted = compose(), profiles()
    check_engine()
    secrets()
    project = configuration(command, wanted)
    check_memory(project)
    if problems := list(taken_ports(project)):
        raise DockerError("\n".join(problems))
    build(project)
    try:
        run(command, "up", "--detach", "--wait", "--wait-timeout", str(READY_SECONDS), only=wanted)
    except DockerError as error:
        raise DockerError("\n".join([*failures(command), str(error)])) from None
    for name in wanted:
        for title, port, login in PAGES[name]:
            print(f"{title:<28} http://{settings().bind_address}:{settings().port(port):<6} {login}")


def demo() -> None:
    """A year of events through the running stack, as `make demo`, by the container `tools`. DEMO_* settings are handed on."""
    command = compose()
    secrets()
    running = read(command, "ps", "--services", "--status", "running").split()
    if missing := [name for name in ("kafka", "airflow-scheduler") if name not in running]:
        raise DockerError(f"{missing[0]} does not run: `make docker-up` starts it (the demo takes core and batch)")
    given = [f"--env={name}={value}" for name, value in sorted(settings().values.items()) if name.startswith("DEMO_")]
    run(command, "run", "--rm", *given, "batch-tools", "-m", "runner.demo", "--running")


def synthesise(table: str) -> None:
    """New customers like those of a table, over REST until interrupted: `make synth` in a container, which takes no other."""
    path = Path(table)
    if not path.is_file():
        raise DockerError(f"{table or 'no file'}: name a table, make docker-synth FROM=customers.csv")
    command = compose()
    check_engine()
    secrets()
    project = configuration(command, ["synth"])
    if problems := list(taken_ports(project)):
        raise DockerError("\n".join(problems))
    build(project)
    token = [*chosen(command, ["synth"]), "run", "--rm", "--entrypoint", "cat", "synth", "/var/lib/stack/synth/token"]
    address = f"http://{settings().bind_address}:{settings().synth_port}/customers?count=100&seed=1"
    print(f"new customers, once they are learned: {address}\ntheir token: {shlex.join(token)}", flush=True)
    mounted = f"/data/{path.name}"
    run(command, "run", "--rm", "--service-ports", f"--volume={path.resolve()}:{mounted}:ro", "synth", mounted, only=["synth"])


def down(remove_data: bool) -> None:
    command = compose()
    secrets()
    run(command, "down", "--remove-orphans", *(["--volumes"] if remove_data else []))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m runner.docker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="build, start, wait until everything is healthy, print the pages")
    commands.add_parser("demo", help="take the journey of `make demo` in the containers that run")
    commands.add_parser("synth", help="learn a table of customers, give new ones like them over REST").add_argument("table")
    commands.add_parser("down", help="stop, keep the data").add_argument("--remove-data", action="store_true")
    given = parser.parse_args()
    try:
        match given.command:
            case "up":
                up()
            case "demo":
                demo()
            case "synth":
                synthesise(given.table)
            case "down":
                down(given.remove_data)
    except (DockerError, SettingsError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted: `make docker-down` stops what was started")


if __name__ == "__main__":
    main()
