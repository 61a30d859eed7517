"""What `make docker-up` says where it cannot work: one line, before anything is built or started. By a real engine."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.settings import ROOT
from tests.ports import free_offset

PROJECT = "customer-analytics-refused"
NOBODY = 65534

Refused = Callable[..., list[str]]


@pytest.fixture
def refused(docker: dict[str, str], tmp_path: Path) -> Refused:
    """The lines that `up` ends with, under these settings."""
    kept = {name: value for name, value in docker.items() if not name.endswith(("_PORT", "_PASSWORD", "_URL"))}
    own = {"COMPOSE_PROJECT_NAME": PROJECT, "ENV_FILE": str(tmp_path / ".env"), "PORT_OFFSET": str(free_offset())}

    def up(user: int | None = None, **settings: str) -> list[str]:
        done = subprocess.run(
            ["python3", "-m", "runner.docker", "up"], cwd=ROOT, env=kept | own | settings, user=user, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 1, done.stdout + done.stderr
        assert "build" not in done.stdout
        label = f"label=com.docker.compose.project={PROJECT}"
        for kind in ("container", "network", "volume"):
            found = subprocess.run(
                ["docker", kind, "ls", "--quiet", "--filter", label], env=docker, capture_output=True, text=True
            )
            assert found.returncode == 0 and found.stdout == "", kind
        return done.stderr.splitlines()

    return up


def test_no_engine(refused: Refused, tmp_path: Path):
    (line,) = refused(DOCKER_HOST=f"unix://{tmp_path / 'nobody.sock'}")
    assert line.startswith("the Docker engine does not answer: ") and "nobody.sock" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_engine_of_another_user(refused: Refused, docker: dict[str, str]):
    program = Path(shutil.which("docker", path=docker["PATH"]) or "").resolve()
    (line,) = refused(user=NOBODY, ENV_FILE="/dev/null", HOME="/nonexistent", PATH=f"{program.parent}:/usr/bin:/bin")
    assert line.startswith("this user may not use the Docker engine: ")


def test_ports_that_are_taken(refused: Refused):
    """A line for each, all at once."""
    with socket.socket() as one, socket.socket() as other:
        ports = {}
        for taken, name in ((one, "KAFKA"), (other, "POSTGRES")):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            ports[name] = taken.getsockname()[1]
        lines = refused(**{f"{name}_PORT": str(port) for name, port in ports.items()})
    for line, (name, port) in zip(lines, ports.items(), strict=True):
        assert line.startswith(f"{name.lower()}: port {port} on 127.0.0.1 is taken by process {os.getpid()} ")
        assert line.endswith(f"free it, or set {name}_PORT or PORT_OFFSET")


def test_a_placeholder(refused: Refused, tmp_path: Path):
    (tmp_path / ".env").write_text("BI_PASSWORD=changeme\n")
    (line,) = refused()
    assert line.startswith(f"BI_PASSWORD is a placeholder: remove it from {tmp_path / '.env'}")


def test_a_line_that_is_no_setting(refused: Refused, tmp_path: Path):
    (tmp_path / ".env").write_text("BI_PASSWORD\n")
    assert refused() == [f"{tmp_path / '.env'}:1: expected NAME=value, found 'BI_PASSWORD'"]


def test_too_little_memory(refused: Refused, tmp_path: Path):
    larger = tmp_path / "larger.yml"
    larger.write_text("services:\n  kafka:\n    mem_limit: 4000g\n")
    (line,) = refused(COMPOSE_FILE=f"{ROOT / 'docker-compose.yml'}{os.pathsep}{larger}")
    # 4,000 GB and what the others take.
    assert re.fullmatch(r"Docker has \d+ MB of memory, the containers may take 410\d{4} MB: PROFILES leaves parts out", line)


def test_a_part_that_does_not_exist(refused: Refused):
    assert refused(PROFILES="core,gpu") == ["PROFILES: 'gpu' is none of core, batch, models, ui"]
