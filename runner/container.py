"""One part of the stack inside a container, by the same definition as natively: its settings name the other containers.

``python -m runner.container run SERVICE`` prepares its files and becomes it, ``steps NAME …`` does what is done once per start,
in the order given, ``keep STEP`` does it again whenever what it began is gone. ``check NAME`` is the health check of a service
or a kept step. Only the named service is built, so a container needs no other part's secrets.
"""

import argparse
import sys
import time
from collections.abc import Callable

from contracts.settings import SettingsError, settings
from runner import flink
from runner.launch import become
from runner.service import NotReadyError, Service, StackError, nothing
from runner.services import airflow, clickhouse_sink, connect, mlflow, superset, watch
from runner.services.flink import jobmanager, taskmanager
from runner.steps import steps

SERVICES = {
    "connect": connect.service,
    "flink-jobmanager": jobmanager,
    "flink-taskmanager": taskmanager,
    "clickhouse-sink": clickhouse_sink.service,
    "airflow-api-server": airflow.api_server,
    "airflow-scheduler": airflow.scheduler,
    "airflow-dag-processor": airflow.dag_processor,
    "airflow-triggerer": airflow.triggerer,
    "superset": superset.service,
    "mlflow": mlflow.service,
    "watch": watch.service,
}
# What a step needs that natively its service has prepared.
PREPARED = {"flink_jobs": flink.prepare}
KEEP_SECONDS = 5
# A neighbour that is healthy may still be slow at the first thing that it is asked.
ATTEMPTS = 3


def service(name: str) -> Service:
    return SERVICES[name](settings())


def run(name: str) -> None:
    made = service(name)
    made.prepare()
    become(made)


def run_steps(names: list[str]) -> None:
    """In the order given, each up to ATTEMPTS times; StackError names the one that failed."""
    known = steps()
    (settings().var / "run").mkdir(parents=True, exist_ok=True)
    for name in names:
        print(name, flush=True)
        PREPARED.get(name, nothing)()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                known[name].run()
                break
            except Exception as error:
                failure = StackError(f"{name}: {error or type(error).__name__}")
                if attempt == ATTEMPTS:
                    raise failure from error
                print(f"{failure}: once more", flush=True)
                time.sleep(KEEP_SECONDS)


def keep(name: str) -> None:
    """Does not return. A failure ends it: the container's next start tries again, later each time."""
    check = check_of(name)
    while True:
        try:
            check()
        except NotReadyError as error:
            print(error, flush=True)
            run_steps([name])
        time.sleep(KEEP_SECONDS)


def kept() -> dict[str, Callable[[], None]]:
    """Steps that begin something that goes on, with the probe of it."""
    return {name: step.check for name, step in steps().items() if step.check}


def check_of(name: str) -> Callable[[], None]:
    return service(name).ready if name in SERVICES else kept()[name]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="runner.container", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run").add_argument("name", choices=SERVICES)
    commands.add_parser("keep").add_argument("name", choices=kept())
    commands.add_parser("check").add_argument("name", choices=(*SERVICES, *kept()))
    commands.add_parser("steps").add_argument("names", nargs="+", choices=steps(), metavar="NAME")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    try:
        match given.command:
            case "run":
                run(given.name)
            case "keep":
                keep(given.name)
            case "check":
                check_of(given.name)()
            case "steps":
                run_steps(given.names)
    except (SettingsError, StackError, NotReadyError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
