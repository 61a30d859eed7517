"""One stack of containers for all tests, under a project name and on ports of its own, by the commands of its users."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.settings import ROOT, SECRETS, Settings
from tests.docker.engine import NoEngineError, engine
from tests.docker.images import Images
from tests.docker.result import keep
from tests.ports import free_offset

PROJECT = "customer-analytics-test"
DEMO = {"DEMO_CUSTOMERS": "400", "DEMO_MONTHS": "4", "DEMO_LIVE_SECONDS": "10", "DEMO_LIVE_RATE": "100"}
UP_SECONDS = 1200
OVERRIDE = "services:\n{}"
LEFT_OUT = "  {}:\n    profiles: !override [left-out]\n"


@dataclass
class Stack:
    """The stack as its users have it: `make docker-…`, and docker itself."""

    environment: dict[str, str]

    def run(self, *command: str, seconds: float = 600, **settings: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=ROOT, env={**self.environment, **settings}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds,
        )  # fmt: skip
        print(f"$ {' '.join(command)}  [{done.returncode}]\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}")
        return done

    def make(self, target: str, seconds: float = UP_SECONDS, **settings: str) -> None:
        done = self.run("make", "--no-print-directory", target, seconds=seconds, **settings)
        assert done.returncode == 0, f"make {target} failed:\n{done.stdout[-6000:]}\n{done.stderr[-4000:]}"

    def docker(self, *arguments: str) -> str:
        done = self.run("docker", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mine(self, kind: str, *options: str) -> list[str]:
        """Ids of this project's containers, volumes or networks."""
        return self.docker(kind, "ls", *options, "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}").split()

    def containers(self, *options: str) -> dict[str, dict]:
        """By service, as `docker inspect` shows them; with ``--all`` those that have ended too."""
        found = json.loads(self.docker("inspect", *self.mine("container", *options)))
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def tools(self, *arguments: str, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        """A command of the project in a container of its own, as docs/docker.md tells it."""
        command = ("--env-file", self.environment["ENV_FILE"], "--profile", "*", "run", "--rm", "-T", "batch-tools")
        return self.run(*self.compose(), *command, *arguments, seconds=seconds)

    def compose(self) -> list[str]:
        return self.environment["COMPOSE"].split()

    def unhealthy(self) -> dict[str, str]:
        """Services that run on and are not healthy."""
        states = {name: each["State"] for name, each in self.containers("--all").items() if "Healthcheck" in each["Config"]}
        return {name: state["Status"] for name, state in states.items() if state.get("Health", {}).get("Status") != "healthy"}

    def wait_healthy(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while found := self.unhealthy():
            assert time.monotonic() < deadline, f"not healthy after {seconds:.0f} s: {found}"
            time.sleep(2)


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of an engine; without one the tests end with its reason."""
    try:
        with engine(tmp_path_factory.mktemp("engine")) as environment:
            yield environment
    except NoEngineError as error:
        pytest.exit(f"make test-docker: {error}", returncode=2)


@pytest.fixture(scope="session")
def stack(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    kept = {name: value for name, value in docker.items() if not name.endswith(("_PORT", "_PASSWORD", "_URL", "_HOST"))}
    own = {"ENV_FILE": str(folder / ".env"), "COMPOSE_PROJECT_NAME": PROJECT, "PORT_OFFSET": str(free_offset())}
    docker_host = {"DOCKER_HOST": docker["DOCKER_HOST"]} if "DOCKER_HOST" in docker else {}
    found = Stack(kept | docker_host | own | DEMO | {"PYTHONPATH": str(ROOT)})
    project = prepare(found)
    images = Images(project, Settings(found.environment), found.environment, folder)
    with images.removed_again():
        images.base()
        build(found)
        images.stand_ins()
        leave_out(found, images.missing, folder)
        keep("stand-ins", ", ".join(sorted(set(images.made) - {images.core["build"]["args"]["BASE"]})) or "none")
        keep("left out", ", ".join(images.missing) or "nothing")
        try:
            began = time.monotonic()
            found.make("docker-up")
            keep("`make docker-up`, images built", f"{time.monotonic() - began:.0f} s")
            yield found
        finally:
            found.make("docker-clean", seconds=300)


def prepare(stack: Stack) -> dict:
    """Secrets written, Compose found; the file as Compose reads it."""
    code = (
        "import json; from runner import docker as d; d.secrets(); c = d.compose(); "
        "print(json.dumps([c, d.configuration(c, list(d.PAGES))]))"
    )
    done = stack.run("python3", "-c", code)
    assert done.returncode == 0, done.stderr
    command, project = json.loads(done.stdout.splitlines()[-1])
    stack.environment["COMPOSE"] = " ".join(command)
    return project


def build(stack: Stack) -> None:
    """The project's own images, which the stand-ins are built on."""
    code = "from runner import docker as d; d.build(d.configuration(d.compose(), list(d.PAGES)))"
    done = stack.run("python3", "-c", code, seconds=3600)
    assert done.returncode == 0, done.stderr[-4000:]


def leave_out(stack: Stack, missing: list[str], folder: Path) -> None:
    """What nothing can stand in for moves to a profile that nobody starts."""
    if missing:
        print(f"left out, since it can neither be pulled nor made here: {', '.join(missing)}")
        override = folder / "left-out.yml"
        override.write_text(OVERRIDE.format("".join(LEFT_OUT.format(name) for name in missing)))
        stack.environment["COMPOSE_FILE"] = f"{ROOT / 'docker-compose.yml'}{os.pathsep}{override}"


@pytest.fixture(scope="session")
def secrets(stack: Stack) -> list[str]:
    values = dict(line.split("=", 1) for line in Path(stack.environment["ENV_FILE"]).read_text().splitlines() if "=" in line)
    return [values[name] for name in SECRETS]
