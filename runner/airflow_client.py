"""Trigger a DAG through Airflow's REST API and watch it to its end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from urllib.parse import quote

import requests

from contracts.settings import settings
from runner.services.airflow import ADMIN

API = "/api/v2"
REQUEST_SECONDS = 60
# How long Airflow may be away: its supervisor starts it again.
PATIENCE_SECONDS = 180
POLL_SECONDS = 1.0
LOG_LINES = 25
UNFINISHED = {"queued", "running"}

States = dict[str, str]
"""State of each task by its id, in the order in which they run; "waiting" before Airflow has looked at it."""


class AirflowError(Exception):
    """Airflow refused, is not there, or a run failed; the message says which DAG and task, with the end of its log."""


@dataclass(frozen=True)
class Run:
    dag_id: str
    run_id: str
    state: str

    @property
    def finished(self) -> bool:
        return self.state not in UNFINISHED


class Airflow:
    """One login. Every request may be sent twice without harm, and is while Airflow restarts; the token is renewed."""

    def __init__(self, url: str = "", user: str = "", password: str = "") -> None:
        known = settings()
        self.url = (url or known.url("AIRFLOW")).rstrip("/")
        self._login = {
            "username": user or ADMIN,
            "password": password or known.secret("AIRFLOW_ADMIN_PASSWORD"),
        }
        self._session = requests.Session()

    def start(self, dag_id: str, conf: Mapping[str, object] | None = None, seconds: float = 120) -> Run:
        """Unpause the DAG and trigger it. ``seconds``: how long Airflow may take to have read the DAG's file.

        Parameters that are None or empty are left to their defaults.
        """
        self.wait_for_dag(dag_id, seconds)
        self.unpause(dag_id)
        return self.trigger(dag_id, conf)

    def wait_for_dag(self, dag_id: str, seconds: float = 120) -> None:
        """Return once Airflow has read the DAG's file; AirflowError with the cause where it cannot."""
        deadline = time.monotonic() + seconds
        while not self._loaded(dag_id):
            if time.monotonic() > deadline:
                raise AirflowError(f"Airflow has not read the DAG {dag_id} after {seconds:.0f} s: is its dag-processor running?")
            time.sleep(POLL_SECONDS)

    def _loaded(self, dag_id: str) -> bool:
        for error in self._call("GET", "/importErrors")["import_errors"]:
            if error["filename"].endswith(f"{dag_id}.py"):
                raise AirflowError(f"Airflow cannot load {error['filename']}:\n{error['stack_trace'].strip()}")
        found = self._call("GET", f"/dags/{quote(dag_id)}", accept=(requests.codes.not_found,))
        return found is not None and not found["is_stale"] and not found["has_import_errors"]

    def unpause(self, dag_id: str) -> None:
        self._call("PATCH", f"/dags/{quote(dag_id)}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> Run:
        given = {name: value for name, value in (conf or {}).items() if value not in (None, "")}
        # The id is ours, so that a trigger whose answer was lost is found again.
        run = Run(dag_id, f"manual__{datetime.now(UTC).isoformat()}", "queued")
        body = {"dag_run_id": run.run_id, "logical_date": None, "conf": given}
        self._call("POST", f"/dags/{quote(dag_id)}/dagRuns", json=body, accept=(requests.codes.conflict,))
        return run

    def wait(self, run: Run, seconds: float, progress: Callable[[States], None] | None = None) -> States:
        """Return the tasks' states once the run has succeeded; ``progress`` gets them at each look.

        AirflowError names the task that failed and shows the end of its log, or says what still runs at the deadline.
        """
        deadline = time.monotonic() + seconds
        while True:
            current, states = self.look(run), self.states(run)
            if progress:
                progress(states)
            if current.state == "success":
                return states
            if current.finished:
                raise AirflowError(self._failure(run, states))
            if time.monotonic() > deadline:
                raise AirflowError(f"{run.dag_id} {run.run_id}: not finished after {seconds:.0f} s; {_listed(states)}")
            time.sleep(POLL_SECONDS)

    def look(self, run: Run) -> Run:
        return Run(run.dag_id, run.run_id, self._call("GET", _path(run))["state"])

    def states(self, run: Run) -> States:
        tasks = self._call("GET", f"/dags/{quote(run.dag_id)}/tasks")["tasks"]
        later = {task["task_id"]: task["downstream_task_ids"] for task in tasks}
        order = reversed(list(TopologicalSorter(later).static_order()))
        found = {each["task_id"]: each["state"] or "waiting" for each in self._instances(run)}
        return {task: found.get(task, "waiting") for task in order}

    def returned(self, run: Run, task_id: str) -> dict:
        """What a task returned to those after it."""
        answer = self._call("GET", f"{_path(run)}/taskInstances/{quote(task_id)}/xcomEntries/return_value?deserialize=true")
        return answer["value"]

    def log_tail(self, run: Run, task_id: str, lines: int = LOG_LINES) -> str:
        """The last lines of the task's newest try."""
        tries = next((each["try_number"] for each in self._instances(run) if each["task_id"] == task_id), 1)
        answer = self._call("GET", f"{_path(run)}/taskInstances/{quote(task_id)}/logs/{max(tries, 1)}?full_content=true")
        written = [line for entry in answer["content"] for line in _log_lines(entry)]
        return "\n".join(written[-lines:])

    def _instances(self, run: Run) -> list[dict]:
        return self._call("GET", f"{_path(run)}/taskInstances")["task_instances"]

    def _failure(self, run: Run, states: States) -> str:
        failed = [task for task, state in states.items() if state == "failed"]
        if not failed:
            return f"{run.dag_id} {run.run_id} failed; {_listed(states)}"
        return f"{run.dag_id} {run.run_id}: task {failed[0]} failed; the end of its log:\n{self.log_tail(run, failed[0])}"

    def _call(self, method: str, path: str, *, json: object = None, accept: tuple[int, ...] = ()) -> dict | None:
        """Answer as JSON; None for a status in ``accept``."""
        response = self._patiently(method, path, json)
        if response.status_code in accept:
            return None
        if not response.ok:
            raise AirflowError(f"Airflow: {method} {path}: {response.status_code} {response.text[:500]}")
        return response.json()

    def _patiently(self, method: str, path: str, json: object) -> requests.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                response = self._authorised(method, path, json)
                if response.status_code < requests.codes.internal_server_error or time.monotonic() > deadline:
                    return response
            except requests.RequestException as error:
                if time.monotonic() > deadline:
                    raise AirflowError(f"Airflow does not answer on {self.url}: {error}") from None
            time.sleep(POLL_SECONDS)

    def _authorised(self, method: str, path: str, json: object) -> requests.Response:
        if "Authorization" not in self._session.headers:
            self._log_in()
        response = self._session.request(method, f"{self.url}{API}{path}", json=json, timeout=REQUEST_SECONDS)
        if response.status_code == requests.codes.unauthorized:
            self._log_in()
            response = self._session.request(method, f"{self.url}{API}{path}", json=json, timeout=REQUEST_SECONDS)
        return response

    def _log_in(self) -> None:
        response = self._session.post(f"{self.url}/auth/token", json=self._login, timeout=REQUEST_SECONDS)
        if response.status_code >= requests.codes.internal_server_error:
            response.raise_for_status()
        if not response.ok:
            raise AirflowError(
                f"Airflow refuses the login of {self._login['username']}: {response.status_code} {response.text[:200]}"
            )
        self._session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"


def _path(run: Run) -> str:
    return f"/dags/{quote(run.dag_id)}/dagRuns/{quote(run.run_id, safe='')}"


def _log_lines(entry: dict | str) -> list[str]:
    """The text of one entry of a log: the message and, where it reports one, the exception. Marks of folding are left out."""
    if isinstance(entry, str):
        return entry.splitlines()
    causes = [f"{each['exc_type']}: {each['exc_value']}" for each in entry.get("error_detail") or ()]
    return [line for text in (entry["event"], *causes) for line in text.splitlines() if not line.startswith("::")]


def _listed(states: States) -> str:
    return ", ".join(f"{task}: {state}" for task, state in states.items())
