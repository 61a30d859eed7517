"""The stack in containers: ``python3 -m runner.docker up | down [--remove-data]``, with the system's Python.

``PROFILES`` names the parts, the usual ones unless set; the env file gets the secrets that it lacks, as natively.
"""

import argparse
import os
import shutil
import subprocess
import sys

from contracts.settings import PORTS, ROOT, SECRETS, SettingsError, env_file, settings
from runner.env import write_missing
from runner.setup.compose import program

# Memory limits of the containers that keep running, MB.
MEMORY_MB = {"core": 6656, "batch": 2912, "ui": 672, "models": 640}
# What is started where PROFILES says nothing.
USUAL = ("core", "batch", "ui")
# Title, port and login of each page, by profile.
PAGES = {
    "core": (
        ("Flink: streaming jobs", "FLINK", ""),
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


class DockerError(Exception):
    """The containers cannot be started or stopped; the message is one line."""


def profiles() -> list[str]:
    """DockerError names one that does not exist."""
    names = settings().get("PROFILES", ",".join(USUAL)).replace(",", " ").split()
    unknown = [name for name in names if name not in MEMORY_MB]
    if unknown:
        raise DockerError(f"PROFILES: {unknown[0]!r} is none of {', '.join(MEMORY_MB)}")
    return ["core", *(name for name in MEMORY_MB if name in names and name != "core")]


def output_of(*command: str) -> tuple[int, str]:
    """Exit status, and the last line that is not empty."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return done.returncode, lines[-1] if lines else ""


def compose() -> list[str]:
    """The command of Docker Compose: docker's plug-in, a program of its own, or the one that setup builds."""
    if not shutil.which("docker"):
        raise DockerError("docker is not on the PATH: install Docker Engine, or use `make up`, which needs none")
    if output_of("docker", "compose", "version")[0] == 0:
        return ["docker", "compose"]
    found = shutil.which("docker-compose") or program(settings().tools)
    if os.access(found, os.X_OK):
        return [str(found)]
    raise DockerError("this docker has no Compose: install its plug-in, or run `python3 -m runner.setup compose`")


def check_engine(wanted: list[str]) -> None:
    """The engine answers and has the memory."""
    status, answer = output_of("docker", "info", "--format", "{{.MemTotal}}")
    if status or not answer.isdecimal():
        raise DockerError(f"the Docker engine does not answer: {answer or f'docker info ended with {status}'}")
    found, needed = int(answer) // 2**20, sum(MEMORY_MB[name] for name in wanted)
    if found < needed:
        raise DockerError(f"Docker has {found} MB of memory, {', '.join(wanted)} may take {needed} MB: see PROFILES")


def environment() -> dict[str, str]:
    """Ports as the native stack computes them, so that PORT_OFFSET moves these as well."""
    s = settings()
    ports = {f"{name}_PORT": str(s.port(name)) for name in PORTS}
    return {**os.environ, **ports, "BIND_ADDRESS": s.bind_address, "DOCKER_BUILDKIT": "1"}


def run(command: list[str], *arguments: str, only: list[str] | None = None) -> None:
    chosen = [word for name in only or ["*"] for word in ("--profile", name)]
    done = subprocess.run([*command, "--env-file", str(env_file()), *chosen, *arguments], cwd=ROOT, env=environment())
    if done.returncode:
        raise DockerError(f"docker compose {arguments[0]} ended with {done.returncode}: its last lines name the part")


def secrets() -> None:
    """Write those that are missing; SettingsError names a placeholder."""
    added = write_missing(env_file())
    if added:
        print(f"{env_file()}: {len(added)} secrets written")
    for name in SECRETS:
        settings().secret(name)


def up() -> None:
    command, wanted = compose(), profiles()
    check_engine(wanted)
    secrets()
    run(command, "build", only=wanted)
    run(command, "up", "--detach", "--wait", "--wait-timeout", str(READY_SECONDS), only=wanted)
    for name in wanted:
        for title, port, login in PAGES[name]:
            print(f"{title:<28} http://{settings().bind_address}:{settings().port(port):<6} {login}")


def down(remove_data: bool) -> None:
    command = compose()
    secrets()
    run(command, "down", "--remove-orphans", *(["--volumes"] if remove_data else []))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m runner.docker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="build, start, wait until everything is healthy, print the pages")
    commands.add_parser("down", help="stop, keep the data").add_argument("--remove-data", action="store_true")
    given = parser.parse_args()
    try:
        up() if given.command == "up" else down(given.remove_data)
    except (DockerError, SettingsError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted: `make docker-down` stops what was started")


if __name__ == "__main__":
    main()
