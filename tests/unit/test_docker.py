"""`make docker-up`: what it says when it cannot, what it hands to Docker Compose; parts inside a container."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.readme import rendered
from contracts import settings as module
from contracts.settings import PORTS, SECRETS, SettingsError, read_env_file
from runner import container, docker, docker_images
from runner.service import NotReadyError, StackError, Step
from tests.docker import result


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*SECRETS, *(f"{port}_PORT" for port in PORTS), "PORT_OFFSET", "PROFILES", "BIND_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("ENV_FILE", tmp_path / ".env"), ("TOOLS_DIR", tmp_path / "tools"), ("VAR_DIR", tmp_path / "var")):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    module.settings.cache_clear()
    yield
    module.settings.cache_clear()


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], None]:
    """Puts a shell script of a name on the PATH."""

    def put(name: str, script: str) -> None:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return put


def test_a_machine_without_docker_is_told_so():
    with pytest.raises(docker.DockerError, match="docker is not on the PATH"):
        docker.compose()


def test_a_docker_without_compose_is_told_so(program):
    program("docker", "exit 1")
    with pytest.raises(docker.DockerError, match="runner.setup compose"):
        docker.compose()


def test_compose_is_the_plug_in_or_a_program(program):
    program("docker", "exit 1")
    program("docker-compose", "echo v2.24.6")
    assert docker.compose() == ["docker-compose"]
    program("docker", "echo 5.0.2")
    assert docker.compose() == ["docker", "compose"]


def test_a_compose_that_is_too_old_is_passed_over_and_named(program, tmp_path: Path):
    """Debian 12's own."""
    program("docker", "exit 125")
    program("docker-compose", "echo 1.29.2")
    with pytest.raises(docker.DockerError, match="^docker-compose is version 1.29.2, 2.24 or newer is needed: install docker's"):
        docker.compose()
    own = tmp_path / "tools" / "bin" / "docker-compose"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert docker.compose() == [str(own)]


@pytest.mark.parametrize(
    ("version", "old"),
    [("v2.24.0-desktop.1", False), ("2.23.3", True), ("1.29.2", True), ("10.0", False), ("dev", False), ("", False)],
)
def test_versions_of_compose(version: str, old: bool):
    assert docker.is_too_old(version) is old


def test_an_engine_that_does_not_answer_is_told_with_its_reason(program):
    program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(docker.DockerError, match="^the Docker engine does not answer: Cannot connect to the Docker daemon$"):
        docker.check_engine()


def test_a_user_without_permission_is_told_the_remedy(program):
    program("docker", "echo 'Got permission denied while trying to connect' >&2; exit 1")
    with pytest.raises(docker.DockerError, match="^this user may not use the Docker engine: join the group `docker`"):
        docker.check_engine()


def test_an_engine_with_too_little_memory_is_refused(program):
    program("docker", f"echo {1024 * 2**20}")
    core, once = {"restart": "unless-stopped", "mem_limit": str(1024 * 2**20)}, {"restart": "no", "mem_limit": "99"}
    docker.check_memory({"services": {"kafka": core, "bootstrap": once}})
    with pytest.raises(docker.DockerError, match="^Docker has 1024 MB of memory, the containers may take 2048 MB: PROFILES"):
        docker.check_memory({"services": {"kafka": core, "postgres": core}})


@pytest.mark.parametrize(
    ("given", "wanted"), [("", ["core", "batch", "ui"]), ("ui", ["core", "ui"]), ("batch,core", ["core", "batch"])]
)
def test_profiles_always_have_the_core(given: str, wanted: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROFILES", given)
    assert docker.profiles() == wanted


def test_an_unknown_profile_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROFILES", "core,gpu")
    with pytest.raises(docker.DockerError, match="'gpu' is none of core, batch, models, ui"):
        docker.profiles()


def test_secrets_are_written_once_and_kept_private(tmp_path: Path):
    docker.secrets()
    values = read_env_file(tmp_path / ".env")
    assert set(values) == set(SECRETS)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    docker.secrets()
    assert read_env_file(tmp_path / ".env") == values


def test_a_placeholder_is_refused_by_name(tmp_path: Path):
    (tmp_path / ".env").write_text("BI_PASSWORD=changeme\n")
    with pytest.raises(SettingsError, match="BI_PASSWORD is a placeholder"):
        docker.secrets()


def test_the_offset_moves_every_published_port(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PORT_OFFSET", "100")
    monkeypatch.setenv("AIRFLOW_PORT", "9999")
    found = docker.environment()
    assert found["KAFKA_PORT"] == str(PORTS["KAFKA"] + 100)
    assert found["AIRFLOW_PORT"] == "9999"
    assert found["SYNTH_PORT"] == "8110"
    assert {f"{name}_PORT" for name in PORTS} <= set(found)


def engine(log: Path, tmp_path: Path, port: int = 1) -> str:
    """A docker that writes down its arguments and knows one service."""
    build = {"context": "/src", "dockerfile": "docker/Dockerfile", "target": "core", "args": {"BASE": "debian"}}
    given = {"image": "own:1", "mem_limit": "1", "build": build, "ports": [{"host_ip": "127.0.0.1", "published": str(port)}]}
    (tmp_path / "project").write_text(json.dumps({"name": "stack", "services": {"kafka": given}}) + "\n")

    def show(name: str) -> str:
        return f'read -r line < {tmp_path / name} && echo "$line"'

    return (
        f'echo "$@" >> {log}\ncase "$*" in info*) echo 99000000000 ;; '
        f'*"config --format json") {show("project")} ;; *"ps --services"*) {show("running")} ;; '
        f'*"ps --all"*) while read -r line; do echo "$line"; done < {tmp_path / "parts"} ;; esac'
    )


def test_a_secret_of_the_build_that_is_no_file_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_BUILD_SECRETS", "ca=/nowhere/bundle.pem")
    with pytest.raises(SettingsError, match="DOCKER_BUILD_SECRETS: 'ca=/nowhere/bundle.pem' is not name=file"):
        docker_images.build_secrets(module.settings())


def test_a_taken_port_is_named_with_its_service_and_remedy(program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("KAFKA_PORT", str(port))
        program("docker", engine(tmp_path / "log", tmp_path, port))
        with pytest.raises(
            docker.DockerError, match=rf"^kafka: port {port} on 127.0.0.1 is taken by .*KAFKA_PORT or PORT_OFFSET$"
        ):
            docker.up()
    assert "build" not in (tmp_path / "log").read_text()


def test_the_demo_goes_through_the_containers_that_run(program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = tmp_path / "log"
    program("docker", engine(log, tmp_path))
    (tmp_path / "running").write_text("kafka\n")
    with pytest.raises(docker.DockerError, match="^airflow-scheduler does not run: `make docker-up` starts it"):
        docker.demo()
    (tmp_path / "running").write_text("kafka airflow-scheduler\n")
    monkeypatch.setenv("DEMO_CUSTOMERS", "400")
    module.settings.cache_clear()
    docker.demo()
    assert log.read_text().splitlines()[-1].endswith("run --rm --env=DEMO_CUSTOMERS=400 batch-tools -m runner.demo --running")


def test_up_builds_starts_waits_and_prints_the_pages(program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    log = tmp_path / "log"
    program("docker", engine(log, tmp_path))
    monkeypatch.setenv("PROFILES", "ui")
    (tmp_path / "bundle.pem").touch()
    monkeypatch.setenv("DOCKER_BUILD_SECRETS", f"ca={tmp_path / 'bundle.pem'}")
    docker.up()
    build, start = [line for line in log.read_text().splitlines() if re.match(r"build|compose .* up", line)]
    place = "--file=docker/Dockerfile --target=core --tag=own:1 --build-arg=BASE=debian"
    assert build == f"build {place} --secret=id=ca,src={tmp_path}/bundle.pem /src"
    assert start.startswith(f"compose --env-file {tmp_path / '.env'} --profile core --profile ui up --detach --wait ")
    pages = capfd.readouterr().out
    assert "http://127.0.0.1:19000" in pages and "http://127.0.0.1:8080" not in pages


def test_a_table_that_is_none_is_named(tmp_path: Path):
    with pytest.raises(docker.DockerError, match="^no file: name a table, make docker-synth FROM=customers.csv$"):
        docker.synthesise("")
    with pytest.raises(docker.DockerError, match="nowhere.csv: name a table"):
        docker.synthesise(str(tmp_path / "nowhere.csv"))


def test_the_synthesiser_gets_its_table_to_read_and_nothing_else_starts(program, tmp_path: Path, capfd):
    log, table = tmp_path / "log", tmp_path / "customers.csv"
    table.touch()
    program("docker", engine(log, tmp_path))
    docker.synthesise(str(table))
    last = log.read_text().splitlines()[-1]
    assert " --profile synth run --rm --service-ports " in last
    assert last.endswith(f" --volume={table}:/data/customers.csv:ro synth /data/customers.csv")
    assert "http://127.0.0.1:8010/customers" in capfd.readouterr().out


def test_a_start_that_fails_ends_with_the_log_of_the_part_that_did(program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program(
        "docker",
        'case "$*" in *" up "*) exit 1 ;; *logs*bootstrap) echo ERROR: no such role; printf "%s\\n" '
        f"{' '.join(map(str, range(1, 21)))} ;; esac\n{engine(tmp_path / 'log', tmp_path)}",
    )
    parts = (
        {"Service": "bootstrap", "ExitCode": 1, "Health": "", "Status": "Exited (1)"},
        {"Service": "kafka", "ExitCode": 0, "Health": "healthy"},
    )
    (tmp_path / "parts").write_text("".join(json.dumps(part) + "\n" for part in parts))
    said = ("--- bootstrap: Exited (1)", "ERROR: no such role", "…", *map(str, range(8, 21)), "docker compose up ended with 1")
    with pytest.raises(docker.DockerError, match="^" + re.escape("\n".join(said))):
        docker.up()


def test_down_stops_every_profile_and_removes_data_only_when_asked(program, tmp_path: Path):
    log = tmp_path / "log"
    program("docker", f'echo "$@" >> {log}')
    docker.down(remove_data=False)
    docker.down(remove_data=True)
    kept, removed = [line for line in log.read_text().splitlines() if " down " in line]
    assert "--profile *" in kept and "--volumes" not in kept
    assert "--volumes" in removed


def test_a_failure_of_compose_is_one(program):
    program("docker", 'case "$2" in version) ;; *) exit 17 ;; esac')
    with pytest.raises(docker.DockerError, match="docker compose down ended with 17"):
        docker.down(remove_data=False)


# --- what the last run found


def test_the_figures_of_the_document_are_those_of_the_file(tmp_path: Path):
    found = json.loads(result.RESULT.read_text())
    shown = result.DOCUMENT.read_text()
    assert rendered(shown, result.table(found)) == shown
    assert rendered(shown, result.table(found | {"another": {"value": "1 s", "measured_at": "today"}})) != shown


def test_a_finding_takes_the_place_of_the_one_before(tmp_path: Path):
    file, document = tmp_path / "docker.json", tmp_path / "docker.md"
    document.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    for value in ("90 s", "80 s"):
        result.keep("up", value, file, document)
    result.keep("down", "5 s", file, document)
    lines = document.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after") and "old" not in lines
    assert [line.split(" | ")[:2] for line in lines if line.startswith(("| up", "| down"))] == [
        ["| up", "80 s"],
        ["| down", "5 s"],
    ]


# --- inside a container


def test_steps_run_in_the_order_given_and_a_failure_names_its_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError("no such role")

    known = {
        "one": Step("one", lambda: done.append("one")),
        "two": Step("two", lambda: done.append("two")),
        "bad": Step("bad", fail),
    }
    monkeypatch.setattr(container, "steps", lambda: known)
    monkeypatch.setattr(container, "KEEP_SECONDS", 0)
    container.run_steps(["two", "one"])
    assert done == ["two", "one"]
    with pytest.raises(StackError, match="^bad: no such role$"):
        container.run_steps(["bad", "one"])
    assert done == ["two", "one"]


def test_a_step_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    left = [RuntimeError("read timed out"), None]

    def slow_at_first() -> None:
        if error := left.pop(0):
            raise error

    monkeypatch.setattr(container, "steps", lambda: {"slow": Step("slow", slow_at_first)})
    monkeypatch.setattr(container, "KEEP_SECONDS", 0)
    container.run_steps(["slow"])
    assert not left


def test_a_kept_step_is_done_again_when_what_it_began_is_gone(monkeypatch: pytest.MonkeyPatch):
    answers: list[Exception | None] = [NotReadyError("no job"), None, None, NotReadyError("no job"), KeyboardInterrupt()]
    begun: list[str] = []

    def check() -> None:
        if answer := answers.pop(0):
            raise answer

    known = {"job": Step("job", lambda: begun.append("job"), check=check)}
    monkeypatch.setattr(container, "steps", lambda: known)
    monkeypatch.setattr(container, "KEEP_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        container.keep("job")
    assert begun == ["job", "job"] and not answers


def test_a_health_check_that_fails_says_why_in_one_line():
    own = {"SUPERSET_HOST": "127.0.0.1", "SUPERSET_PORT": "1"}
    command = [sys.executable, "-m", "runner.container", "check", "superset"]
    environment = {**os.environ, **own, "PYTHONPATH": str(module.ROOT)}
    done = subprocess.run(command, env=environment, cwd=module.ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr and len(done.stderr.splitlines()) == 1
