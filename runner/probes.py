"""Small clients for readiness probes. Standard library at import; a database client is imported when it is used."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from contracts.settings import Account, settings
from contracts.topics import CDC_CONNECTOR
from runner.service import NotReadyError

TIMEOUT_SECONDS = 5


def http(url: str, account: Account | None = None, data: bytes | None = None) -> bytes:
    """Body of an answer with status 200; NotReadyError otherwise."""
    request = urllib.request.Request(url, data=data)
    if account:
        request.add_header("X-ClickHouse-User", account.user)
        request.add_header("X-ClickHouse-Key", account.password)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise NotReadyError(f"{url} answers {error.code}: {error.read(200).decode(errors='replace').strip()}") from None
    except (OSError, urllib.error.URLError) as error:
        raise NotReadyError(f"{url} does not answer: {getattr(error, 'reason', error)}") from None


def until(probe: Callable[[], None], what: str, seconds: float = 60) -> Callable[[], None]:
    """A step that polls the probe; NotReadyError with its last answer when the time is over."""

    def wait() -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                return probe()
            except NotReadyError as error:
                if time.monotonic() > deadline:
                    raise NotReadyError(f"{what} is not ready after {seconds:.0f} s: {error}") from None
            time.sleep(0.5)

    return wait


def http_json(url: str) -> object:
    try:
        return json.loads(http(url))
    except ValueError:
        raise NotReadyError(f"{url} does not answer in JSON") from None


def http_ok(url: str) -> Callable[[], None]:
    """A probe: the address answers 200."""

    def probe() -> None:
        http(url)

    return probe


def postgres() -> None:
    """The admin can log in and query."""
    import psycopg

    account, s = settings().postgres_account("postgres"), settings()
    try:
        with psycopg.connect(
            host=s.host("POSTGRES"),
            port=s.port("POSTGRES"),
            user=account.user,
            password=account.password,
            dbname="postgres",
            connect_timeout=TIMEOUT_SECONDS,
        ) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise NotReadyError(str(error).splitlines()[0]) from None


def kafka(name: str = "KAFKA") -> Callable[[], None]:
    """A probe: the broker answers a metadata request and names itself."""

    def probe() -> None:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        address = settings().address(name)
        client = AdminClient(settings().kafka_client | {"bootstrap.servers": address})
        try:
            brokers = client.list_topics(timeout=TIMEOUT_SECONDS).brokers.values()
        except KafkaException as error:
            raise NotReadyError(f"no metadata from {address}: {error}") from None
        if address not in {f"{broker.host}:{broker.port}" for broker in brokers}:
            raise NotReadyError(f"{address} is not among the brokers of its cluster")

    return probe


def clickhouse() -> None:
    """The server pings and the pipeline's user can query."""
    s = settings()
    http(f"{s.url('CLICKHOUSE')}/ping")
    http(f"{s.url('CLICKHOUSE')}/", account=s.clickhouse, data=b"SELECT 1")


def object_store() -> None:
    """The lake's account is let in."""
    from runner.object_store import answers

    answers()


def flink(task_managers: int) -> Callable[[], None]:
    """A probe: the JobManager answers and has at least so many TaskManagers."""

    def probe() -> None:
        overview = http_json(f"{settings().url('FLINK')}/overview")
        found = overview.get("taskmanagers", 0) if isinstance(overview, dict) else 0
        if found < task_managers:
            raise NotReadyError(f"{found} of {task_managers} TaskManagers registered")

    return probe


def task_managers(host: str, count: int = 1) -> Callable[[], None]:
    """A probe: the JobManager knows so many TaskManagers of this host, whichever others there are."""

    def probe() -> None:
        known = http_json(f"{settings().url('FLINK')}/taskmanagers")
        paths = [each["path"] for each in known.get("taskmanagers", [])] if isinstance(known, dict) else []
        found = [host_of(path) for path in paths].count(host.lower())
        if found < count:
            raise NotReadyError(f"the JobManager knows {found} of {count} TaskManagers of {host}")

    return probe


def host_of(path: str) -> str:
    """Host, in small letters, in the address of a Flink process: ``pekko.tcp://flink@host:port/user/rpc/…``."""
    return urllib.parse.urlsplit(path).hostname or ""


def flink_jobs() -> None:
    """The streaming job runs, all of its tasks."""
    from flink_jobs import JOB

    overview = http_json(f"{settings().url('FLINK')}/jobs/overview")
    jobs = overview.get("jobs", []) if isinstance(overview, dict) else []
    tasks = {job["name"]: job["tasks"] for job in jobs if job["state"] == "RUNNING"}
    if JOB not in tasks:
        raise NotReadyError(f"job {JOB} does not run")
    if waiting := tasks[JOB]["total"] - tasks[JOB]["running"]:
        raise NotReadyError(f"{waiting} of {tasks[JOB]['total']} tasks of {JOB} do not run")


def connector() -> None:
    """The connector and its tasks run."""
    status = http_json(f"{settings().url('CONNECT')}/connectors/{CDC_CONNECTOR}/status")
    if not isinstance(status, dict) or not status.get("tasks"):
        raise NotReadyError(f"connector {CDC_CONNECTOR} has no task")
    for each in (status["connector"], *status["tasks"]):
        if each["state"] != "RUNNING":
            reason = (each.get("trace") or "no reason given").splitlines()[0]
            raise NotReadyError(f"connector {CDC_CONNECTOR} is {each['state']}: {reason}")


def consumer_group(group: str) -> Callable[[], None]:
    """A probe: somebody reads as this consumer group."""

    def probe() -> None:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        client = AdminClient(settings().kafka_client)
        try:
            found = client.describe_consumer_groups([group], request_timeout=TIMEOUT_SECONDS)[group].result()
        except KafkaException as error:
            raise NotReadyError(f"no answer about group {group}: {error}") from None
        if not found.members:
            raise NotReadyError(f"nobody reads as {group}")

    return probe


def airflow(component: str) -> Callable[[], None]:
    """A probe: Airflow's own health page calls the component healthy."""

    def probe() -> None:
        health = http_json(f"{settings().url('AIRFLOW')}/api/v2/monitor/health")
        status = health.get(component, {}).get("status") if isinstance(health, dict) else None
        if status != "healthy":
            raise NotReadyError(f"{component} is {status or 'not reported'}")

    return probe


def airflow_api() -> None:
    """The API server answers people and tasks. It builds the tasks' side at its first request, which may take it a while."""
    airflow("metadatabase")()
    http(f"{settings().url('AIRFLOW')}/execution/health")
