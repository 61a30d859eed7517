"""What the runner writes: the env file, supervisord's configuration, the services' own."""

import base64
import configparser
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import settings as module
from contracts.settings import OPTIONAL_SECRETS, SECRETS, Settings, read_env_file
from contracts.topics import MAX_DEAD_LETTER_BYTES
from runner import control, env, flink, launch, preflight, processes, stack, status, stop, supervisor
from runner.control import socket_path
from runner.logs import excerpt, written
from runner.service import Service, StackError, nothing
from runner.services import connect, kafka, postgres
from runner.stamps import once

NAMES = ("VAR_DIR", "ENV_FILE", "PORT_OFFSET", *SECRETS)


@pytest.fixture
def stack_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    for name in (*NAMES, *(f"{port}_PORT" for port in module.PORTS), "CLICKHOUSE_URL", "MINIO_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("ENV_FILE", str(tmp_path / ".env"))
    module.settings.cache_clear()
    env.write_missing(tmp_path / ".env")
    yield module.settings()
    module.settings.cache_clear()


def sleeper(**changes: object) -> Service:
    return Service(**{"name": "sleeper", "command": ("sleep", "60"), "ready": nothing, **changes})  # type: ignore[arg-type]


def test_env_file_gets_every_secret_once_and_stays_private(tmp_path: Path, stack_settings: Settings):
    path = tmp_path / ".env"
    first = path.read_text()
    values = read_env_file(path)
    assert set(values) == set(SECRETS)
    assert len(set(values.values())) == len(SECRETS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(values["AIRFLOW_FERNET_KEY"])) == 32
    assert env.write_missing(path) == []
    assert path.read_text() == first


def test_env_file_keeps_what_people_wrote(tmp_path: Path, stack_settings: Settings):
    path = tmp_path / "mine"
    path.write_text("# mine\nBI_PASSWORD=chosen\nKAFKA_PORT=1")
    added = env.write_missing(path)
    assert path.read_text().startswith("# mine\nBI_PASSWORD=chosen\nKAFKA_PORT=1\n")
    assert set(added) == set(SECRETS) - {"BI_PASSWORD"}


def test_supervisor_holds_every_service_and_no_secret(tmp_path: Path, stack_settings: Settings):
    parts = stack.parts()
    text = supervisor.render(parts)
    conf = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    conf.read_string(text)
    programs = {name.removeprefix("program:") for name in conf.sections() if name.startswith("program:")}
    assert programs == {name for name, part in parts.items() if isinstance(part, Service)} >= {"kafka", "postgres", "superset"}
    assert not [name for name in SECRETS if stack_settings.secret(name) in text]
    assert conf["program:connect"].getint("priority") > conf["program:kafka"].getint("priority")
    assert conf["program:postgres"]["stopsignal"] == "INT"


def test_no_command_line_carries_a_secret(stack_settings: Settings):
    secrets = [stack_settings.secret(name) for name in SECRETS]
    services = [part for part in stack.parts().values() if isinstance(part, Service)]
    assert services
    assert not [service.name for service in services if any(secret in word for word in service.command for secret in secrets)]


def test_every_dependency_is_a_part(stack_settings: Settings):
    parts = stack.parts()
    assert not [(name, each) for name, part in parts.items() for each in part.depends_on if each not in parts]


def test_percent_signs_survive_supervisor():
    assert supervisor.literal("/srv/100%/var") == "/srv/100%%/var"


def test_foreign_programs_do_not_inherit_secrets(stack_settings: Settings):
    secret = dict.fromkeys(("BI_PASSWORD", *OPTIONAL_SECRETS), "from the environment")
    inherited = {"PATH": "/bin", **secret}
    assert not set(secret) & set(launch.environment(sleeper(), inherited))
    assert launch.environment(sleeper(knows_settings=True), inherited)["BI_PASSWORD"] == "from the environment"
    assert launch.environment(sleeper(environment={"BI_PASSWORD": "own"}), inherited)["BI_PASSWORD"] == "own"
    assert launch.environment(sleeper(), inherited)[processes.MARKER] == str(stack_settings.var)


def test_services_elsewhere_are_waited_for(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLICKHOUSE_URL", "http://warehouse:8123")
    monkeypatch.setenv("MINIO_URL", "http://store:9000")
    module.settings.cache_clear()
    parts = stack.parts()
    assert not isinstance(parts["clickhouse"], Service)
    assert not isinstance(parts["minio"], Service)


def test_kafka_keeps_old_records_and_listens_on_loopback(stack_settings: Settings):
    values = kafka.properties(stack_settings)
    assert values["log.message.timestamp.type"] == "LogAppendTime"
    assert values["log.retention.hours"] == -1
    assert values["auto.create.topics.enable"] == "false"
    assert int(str(values["message.max.bytes"])) >= MAX_DEAD_LETTER_BYTES
    assert str(values["listeners"]) == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"


def several(monkeypatch: pytest.MonkeyPatch, **settings: str) -> Settings:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    module.settings.cache_clear()
    return module.settings()


def test_three_brokers_share_nothing_but_their_voters(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    s = several(monkeypatch, KAFKA_BROKERS="3")
    rendered = [kafka.properties(s, broker) for broker in s.brokers]
    for own in ("node.id", "listeners", "advertised.listeners", "log.dirs"):
        assert len({str(each.pop(own)) for each in rendered}) == 3, own
    assert rendered[0] == rendered[1] == rendered[2]
    assert rendered[0]["controller.quorum.voters"] == "1@127.0.0.1:9093,2@127.0.0.1:9193,3@127.0.0.1:9293"
    parts = stack.parts()
    ports = [port for name in kafka.names(s) for port in parts[name].ports]
    assert len(set(ports)) == len(ports) == 6
    assert len({supervisor.log_file(name) for name in kafka.names(s)}) == 3
    assert set(kafka.names(s)) <= set(parts["topics"].depends_on) & set(parts["connect"].depends_on)


def test_data_of_another_number_of_brokers_is_refused(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    (stack_settings.var / "kafka").mkdir(parents=True)
    (stack_settings.var / "kafka" / "meta.properties").touch()
    kafka.prepare(stack_settings)
    with pytest.raises(StackError, match="holds the data of kafka, KAFKA_BROKERS is 3"):
        kafka.prepare(several(monkeypatch, KAFKA_BROKERS="3"))


@pytest.mark.parametrize(("managers", "parallelism", "slots"), [(1, 1, 1), (1, 2, 2), (2, 1, 1), (2, 2, 1), (3, 4, 2)])
def test_task_managers_have_the_slots_that_the_job_takes(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch, managers: int, parallelism: int, slots: int
):
    s = several(monkeypatch, FLINK_TASKMANAGERS=str(managers), FLINK_PARALLELISM=str(parallelism))
    assert flink.options(s)["taskmanager.numberOfTaskSlots"] == slots
    assert slots * managers >= parallelism
    names = [name for name in stack.parts() if name.startswith("flink-taskmanager")]
    assert names == list(flink.task_managers(s)) and len(names) == managers
    assert set(names) <= set(stack.parts()["flink_jobs"].depends_on)


def test_connect_reads_the_password_from_its_environment(stack_settings: Settings):
    service = connect.service(stack_settings)
    assert service.environment["DEBEZIUM_PASSWORD"] == stack_settings.secret("DEBEZIUM_PASSWORD")
    assert not any(
        stack_settings.secret("DEBEZIUM_PASSWORD") in str(value) for value in connect.properties(stack_settings).values()
    )


def test_postgres_decodes_and_bounds_its_slots(stack_settings: Settings):
    values = postgres.configuration(stack_settings)
    assert values["wal_level"] == "logical"
    assert values["max_slot_wal_keep_size"] == "4GB"
    assert values["listen_addresses"] == "'127.0.0.1'"
    assert values["unix_socket_directories"] == "''"


def test_flink_keeps_the_shipped_java_options_and_the_committed_lines(stack_settings: Settings):
    options = flink.options(stack_settings)
    assert "--add-opens=java.base/java.util=ALL-UNNAMED" in str(options["env.java.opts.all"])
    committed = flink.committed_options()
    assert committed["state.backend.type"] == "rocksdb"
    assert {name: options[name] for name in committed} == committed
    assert options["rest.bind-address"] == "127.0.0.1"


def test_taken_port_names_service_port_holder_and_remedy(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        monkeypatch.setenv("CONNECT_PORT", str(port))
        module.settings.cache_clear()
        (problem,) = preflight.ports(sleeper(ports=("CONNECT",)))
    assert problem.startswith(f"sleeper: port {port} on 127.0.0.1 is taken by process ")
    assert problem.endswith("free it, or set CONNECT_PORT or PORT_OFFSET")


def test_an_address_that_is_not_ours_is_nobody_s_fault(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """TEST-NET-1: no machine's."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert preflight.port_holder("192.0.2.1", port) == "not to be had (cannot assign requested address)"


def test_free_port_is_no_problem(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CONNECT_PORT", str(holder.getsockname()[1]))
    module.settings.cache_clear()
    assert list(preflight.ports(sleeper(ports=("CONNECT",)))) == []


def test_preflight_names_every_problem_at_once(tmp_path: Path, stack_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BI_PASSWORD", "changeme")
    monkeypatch.setenv("MIN_DISK_MB", str(10**12))
    module.settings.cache_clear()
    with pytest.raises(StackError) as caught:
        preflight.check([sleeper(needs=(tmp_path / "nowhere",), command=("no-such-program",), memory_mb=10**9)])
    lines = str(caught.value).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["BI_PASSWORD", "sleeper:", "sleeper:", "memory:", "disk:"]


def test_socket_moves_to_a_short_place_when_the_stack_is_deep(
    tmp_path: Path, stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    assert len(str(socket_path())) < 108
    monkeypatch.setenv("VAR_DIR", str(tmp_path / ("deep/" * 30)))
    module.settings.cache_clear()
    assert len(str(socket_path())) < 108
    assert socket_path() == socket_path()


@pytest.mark.parametrize(("longest", "stays"), [(10_000, True), (0, False)])
def test_a_socket_takes_only_a_folder_of_its_own_along(
    longest: int, stays: bool, stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(control, "LONGEST_SOCKET_PATH", longest)
    socket_path().parent.mkdir(parents=True)
    for name in ("", ".17"):
        Path(f"{socket_path()}{name}").touch()
    stop.remove_socket(stack_settings.var)
    assert not socket_path().exists()
    assert socket_path().parent.exists() == stays


def test_restarts_are_counted_since_the_last_start():
    log = (
        "INFO supervisord started with pid 1\nt,1 INFO exited: kafka (terminated by SIGKILL; not expected)\n"
        "t,1 INFO supervisord started with pid 2\nt,1 WARN exited: kafka (exit status 1; not expected)\n"
        "t,1 INFO exited: kafka (exit status 0; expected)\nt,1 INFO stopped: postgres (exit status 0)\n"
    )
    assert status.restarts(log) == {"kafka": 2}


def test_what_this_start_wrote(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("old\n")
    seen = log.stat().st_size
    log.write_text("old\nnew 1\nnew 2\n")
    assert written(log, seen) == ["new 1", "new 2"]
    assert written(log) == ["old", "new 1", "new 2"]
    assert written(tmp_path / "none") == []


def test_an_excerpt_begins_with_the_first_trouble_of_this_start(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("ERROR of an earlier start\n")
    seen = log.stat().st_size
    trace = [f"    at org.apache.Frame{number}" for number in range(40)]
    cause = "java.lang.IllegalArgumentException: delay of 31536000 s is too long"
    told = "INFO no Hadoop: NoClassDefFoundError"
    log.write_text("\n".join(["ERROR of an earlier start", told, cause, *trace]))
    assert excerpt(written(log, seen), 15) == [cause, "…", *trace[-13:]]
    log.write_text("\n".join(["ERROR of an earlier start", told, *trace]))
    assert excerpt(written(log, seen), 15) == trace[-15:]
    log.write_text("\n".join(["ERROR of an earlier start", cause, *trace[:3]]))
    assert excerpt(written(log, seen), 15) == [cause, *trace[:3]]


def test_a_stamped_step_runs_once_per_input(stack_settings: Settings):
    done: list[str] = []
    for inputs in (["a"], ["a"], ["b"]):
        once("step", inputs, lambda inputs=inputs: done.append(inputs[0]))
    assert done == ["a", "b"]


def test_a_failed_step_is_not_stamped(stack_settings: Settings):
    with pytest.raises(ZeroDivisionError):
        once("step", ["a"], lambda: 1 / 0)
    done: list[str] = []
    once("step", ["a"], lambda: done.append("again"))
    assert done == ["again"]


@pytest.mark.parametrize("place", [module.ROOT, module.ROOT.parent, Path.home()])
def test_data_is_not_removed_from_places_that_are_no_stack(place: Path):
    with pytest.raises(StackError, match="does not look like"):
        stop.remove(place)


@pytest.mark.parametrize("supervisord", ["", "[supervisord]\nidentifier=supervisor\n"])
def test_a_directory_that_is_no_stack_is_kept(tmp_path: Path, supervisord: str):
    """As /var: a run directory, and perhaps somebody else's supervisord."""
    for directory in ("run", "etc"):
        (tmp_path / directory).mkdir()
    (tmp_path / "thesis.txt").write_text("years of work")
    if supervisord:
        (tmp_path / "etc" / "supervisord.conf").write_text(supervisord)
    with pytest.raises(StackError, match="does not look like"):
        stop.remove(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_the_data_of_a_stack_is_removed(stack_settings: Settings):
    var = stack_settings.var
    (var / "etc").mkdir(parents=True)
    (var / "etc" / "supervisord.conf").write_text(supervisor.render(stack.parts()))
    stop.remove(var)
    assert not var.exists()
