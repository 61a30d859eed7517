"""A stack of containers for the tests of a file, under a project name and on ports of its own, by the commands of its users.

PROFILES=core tests that part alone, where a machine has neither the time nor the memory for all.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from contracts.settings import PORTS, ROOT, SECRETS, Settings, read_env_file
from contracts.topics import WEB
from runner import docker as command
from tests.docker.engine import NoEngineError, engine
from tests.docker.images import Images
from tests.docker.result import keep
from tests.ports import free_offset

PROJECT = "customer-analytics-test"
DEMO = {"DEMO_CUSTOMERS": "400", "DEMO_MONTHS": "4", "DEMO_LIVE_SECONDS": "10", "DEMO_LIVE_RATE": "100"}
UP_SECONDS = 1200
# Those that are tested; models comes to batch later.
PROFILES = {"core", *os.environ.get("PROFILES", ",".join(command.USUAL)).replace(",", " ").split()}
# For a load's container to start and send its first events.
FLOW_SECONDS = 120
# Longest that a part may take to come back after it was killed, on a busy machine.
BACK_SECONDS = 420
# Ports of docker-compose.scale.yml alone, as it has them.
SCALE_PORTS = {"KAFKA_2": 9192, "KAFKA_3": 9292, "SPARK_MASTER": 18080}
# The host's own, so that the build finds its registries the way that the host does.
BUILD_SECRETS = {
    "ca": "/etc/ssl/certs/ca-certificates.crt", "pip": "/etc/pip.conf", "maven": "/etc/maven/settings.xml",
    "javaca": "/etc/ssl/certs/java/cacerts",
}  # fmt: skip
OVERRIDE = "services:\n{}"
LEFT_OUT = "  {}:\n    profiles: !override [left-out]\n"


@dataclass
class Stack:
    """The stack as its users have it: `make docker-…`, and docker itself."""

    environment: dict[str, str]
    services: dict[str, dict]
    """The compose file as Compose reads it."""

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
        service = "batch-tools" if "batch" in PROFILES else "tools"
        command = ("--env-file", self.environment["ENV_FILE"], "--profile", "*", "run", "--rm", "-T", service)
        return self.run(*self.compose(), *command, *arguments, seconds=seconds)

    def stop(self) -> None:
        """Stop every container and keep it: who needs another one first, as `docker-down` does it."""
        done = self.run(*self.compose(), "--env-file", self.environment["ENV_FILE"], "--profile", "*", "stop", seconds=300)
        assert done.returncode == 0, done.stderr

    def compose(self) -> list[str]:
        return self.environment["COMPOSE"].split()

    def laid_over(self, file: Path) -> "Stack":
        """The same with another compose file over the first."""
        first, *rest = self.environment["COMPOSE_FILE"].split(os.pathsep)
        return replace(self, environment=self.environment | {"COMPOSE_FILE": os.pathsep.join([first, str(file), *rest])})

    def port(self, name: str) -> int:
        """Where a part is published."""
        return (PORTS | SCALE_PORTS)[name] + int(self.environment["PORT_OFFSET"])

    def expected(self) -> set[str]:
        """Services that run on once all is up."""
        return {
            name for name, each in self.services.items() if each.get("restart") != "no" and set(each["profiles"]) & PROFILES
        }  # fmt: skip

    def settings(self) -> Settings:
        """As a program on the host has them that uses this stack."""
        return Settings(self.environment | read_env_file(Path(self.environment["ENV_FILE"])))

    def records(self) -> int:
        """Web events in Kafka, asked by way of the published port."""
        consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{self.port('KAFKA')}", "group.id": "test-docker"})
        try:
            partitions = consumer.list_topics(WEB.source, 20).topics[WEB.source].partitions
            return sum(consumer.get_watermark_offsets(TopicPartition(WEB.source, number), 20)[1] for number in partitions)
        finally:
            consumer.close()

    @contextmanager
    def load(self, seconds: int, seed: int, rate: int = 50) -> Iterator[None]:
        """Web events by a container of their own: the block begins once they flow, and ends when Kafka has taken all of them."""
        before = self.records()
        command = [*self.compose(), "--env-file", self.environment["ENV_FILE"], "--profile", "*", "run", "--rm", "-T", "tools"]
        given = ("--rate", str(rate), "--seconds", str(seconds), "--seed", str(seed))
        sending = subprocess.Popen(
            [*command, "-m", "generators", "web_events", *given],
            cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until(lambda: self.records() > before, "events of the load", FLOW_SECONDS)
            yield
            assert sending.wait(seconds + BACK_SECONDS) == 0, "the load was not delivered"
        finally:
            if sending.poll() is None:
                sending.terminate()
                sending.wait(60)

    def unhealthy(self) -> dict[str, str]:
        """Services that run on and are not healthy."""
        states = {name: each["State"] for name, each in self.containers("--all").items() if "Healthcheck" in each["Config"]}
        return {name: state["Status"] for name, state in states.items() if state.get("Health", {}).get("Status") != "healthy"}

    def wait_healthy(self, seconds: float = BACK_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while found := self.unhealthy():
            assert time.monotonic() < deadline, f"not healthy after {seconds:.0f} s: {found}"
            time.sleep(2)

    def kill(self, service: str) -> None:
        """Everything in the container at once, so that its first process ends as well; `docker kill` would count as a wish."""
        self.run("docker", "exec", self.containers()[service]["Id"], "sh", "-c", "kill -9 -1")

    def memory(self) -> float:
        """MB that the containers hold now, without the page cache."""
        lines = self.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *self.mine("container")).splitlines()
        return sum(megabytes(line.split(" / ")[0]) for line in lines)

    def verified(self) -> None:
        done = self.tools("-m", "verify")
        assert done.returncode == 0, f"verify:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def megabytes(text: str) -> float:
    """Of docker's own units: 12.5MiB, 1.2GiB."""
    for unit, factor in (("GiB", 1024), ("MiB", 1), ("KiB", 1 / 1024), ("B", 2**-20)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def until(reached: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"no {what} after {seconds:.0f} s"
        time.sleep(1)


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of an engine; without one the tests end with its reason."""
    try:
        with engine(tmp_path_factory.mktemp("engine")) as environment:
            yield environment
    except NoEngineError as error:
        pytest.exit(f"make test-docker: {error}", returncode=2)


@pytest.fixture(scope="session")
def built(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that can be started: secrets are written, images are there."""
    folder = tmp_path_factory.mktemp("stack")
    kept = {name: value for name, value in docker.items() if not name.endswith(("_PORT", "_PASSWORD", "_URL", "_HOST"))}
    offset = free_offset()
    own = {"ENV_FILE": str(folder / ".env"), "COMPOSE_PROJECT_NAME": PROJECT, "PORT_OFFSET": str(offset)}
    own |= {f"{name}_PORT": str(port + offset) for name, port in SCALE_PORTS.items()}
    own["DOCKER_BUILD_SECRETS"] = docker.get(
        "DOCKER_BUILD_SECRETS", ",".join(f"{name}={path}" for name, path in BUILD_SECRETS.items() if Path(path).is_file())
    )
    docker_host = {"DOCKER_HOST": docker["DOCKER_HOST"]} if "DOCKER_HOST" in docker else {}
    own |= {"PYTHONPATH": str(ROOT), "COMPOSE_FILE": str(ROOT / "docker-compose.yml"), "PROFILES": ",".join(sorted(PROFILES))}
    found = Stack(kept | docker_host | own | DEMO, {})
    prepare(found)
    images = Images(found.services, PROFILES, Settings(found.environment), found.environment, folder)
    with images.removed_again():
        images.base()
        build(found)
        images.stand_ins()
        leave_out(found, images.missing, folder)
        keep(told("stand-ins"), ", ".join(images.stood_in) or "none")
        keep(told("left out"), ", ".join(images.missing) or "nothing")
        yield found


@contextmanager
def running(stack: Stack, what: str) -> Iterator[Stack]:
    """Up by the command of its users; at the end nothing is left of it. ``what``: the finding that its time is kept as."""
    try:
        began = time.monotonic()
        stack.make("docker-up")
        keep(told(what), f"{time.monotonic() - began:.0f} s")
        yield stack
    finally:
        stack.make("docker-clean", seconds=300)


@pytest.fixture(scope="module")
def stack(built: Stack) -> Iterator[Stack]:
    with running(built, "`make docker-up`, images built") as found:
        yield found


def told(what: str) -> str:
    """Name of a finding, with the profiles where they are not the usual ones."""
    return what if set(command.USUAL) <= PROFILES else f"{what} (PROFILES={','.join(sorted(PROFILES))})"


def prepare(stack: Stack) -> None:
    """Secrets written, Compose found, the file read."""
    code = (
        "import json; from runner import docker as d; d.secrets(); c = d.compose(); "
        "print(json.dumps([c, d.configuration(c, list(d.PAGES))]))"
    )
    done = stack.run("python3", "-c", code)
    assert done.returncode == 0, done.stderr
    compose, project = json.loads(done.stdout.splitlines()[-1])
    stack.environment["COMPOSE"] = " ".join(compose)
    stack.services = project["services"]


def build(stack: Stack) -> None:
    """The project's own images, which the stand-ins are built on."""
    wanted = [*PROFILES, *(["models"] if "batch" in PROFILES else [])]
    code = f"from runner import docker as d; d.build(d.configuration(d.compose(), {wanted}))"
    done = stack.run("python3", "-c", code, seconds=3600)
    assert done.returncode == 0, done.stderr[-4000:]


def leave_out(stack: Stack, missing: list[str], folder: Path) -> None:
    """What nothing can stand in for moves to a profile that nobody starts."""
    if missing:
        print(f"left out, since it can neither be pulled nor made here: {', '.join(missing)}")
        override = folder / "left-out.yml"
        override.write_text(OVERRIDE.format("".join(LEFT_OUT.format(name) for name in missing)))
        stack.services = {name: each for name, each in stack.services.items() if name not in missing}
        stack.environment["COMPOSE_FILE"] += f"{os.pathsep}{override}"


@pytest.fixture(scope="module")
def secrets(stack: Stack) -> list[str]:
    return [stack.settings().secret(name) for name in SECRETS]
