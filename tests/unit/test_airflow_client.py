"""The client against an Airflow of a few lines: what it asks, what it makes of the answers."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from runner import airflow_client
from runner.airflow_client import Airflow, AirflowError, Run

Answer = tuple[int, object]
Routes = dict[str, Callable[[object], Answer]]

RUN = Run("pipeline", "manual__1", "queued")
TASKS = {"tasks": [{"task_id": "load", "downstream_task_ids": []}, {"task_id": "extract", "downstream_task_ids": ["load"]}]}


def states(**by_task: str | None) -> dict:
    return {"task_instances": [{"task_id": task, "state": state, "try_number": 2} for task, state in by_task.items()]}


class Server:
    """Answers by "METHOD path"; keeps what was asked."""

    def __init__(self) -> None:
        self.routes: Routes = {"POST /auth/token": lambda body: (201, {"access_token": "t1"})}
        self.asked: list[tuple[str, object, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                route = f"{self.command} {self.path.split('?')[0].removeprefix('/api/v2')}"
                server.asked.append((route, body, self.headers.get("Authorization")))
                status, value = server.routes.get(route, lambda body: (404, {"detail": route}))(body)
                payload = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


@pytest.fixture
def airflow(server: Server, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    monkeypatch.setattr(airflow_client, "POLL_SECONDS", 0.001)
    return Airflow(server.url, "someone", "secret")


def in_turn(*answers: Answer) -> Callable[[object], Answer]:
    """One after the other; the last for ever."""
    left = list(answers)
    return lambda body: left.pop(0) if len(left) > 1 else left[0]


def test_start_unpauses_and_triggers_without_empty_parameters(server: Server, airflow: Airflow) -> None:
    server.routes |= {
        "GET /importErrors": lambda body: (200, {"import_errors": []}),
        "GET /dags/pipeline": in_turn((404, {}), (200, {"is_stale": False, "has_import_errors": False})),
        "PATCH /dags/pipeline": lambda body: (200, {}),
        "POST /dags/pipeline/dagRuns": lambda body: (200, {}),
    }
    run = airflow.start("pipeline", {"as_of": "", "k_min": 2, "k_max": None})
    sent = {route: body for route, body, _ in server.asked}
    assert sent["PATCH /dags/pipeline"] == {"is_paused": False}
    assert sent["POST /dags/pipeline/dagRuns"] == {"dag_run_id": run.run_id, "logical_date": None, "conf": {"k_min": 2}}


def test_a_trigger_whose_answer_was_lost_is_not_a_second_run(server: Server, airflow: Airflow) -> None:
    server.routes["POST /dags/pipeline/dagRuns"] = in_turn((502, {}), (409, {"detail": "exists"}))
    airflow.trigger("pipeline")
    ids = {body["dag_run_id"] for route, body, _ in server.asked if route.endswith("dagRuns")}
    assert len(ids) == 1


def test_a_dag_that_cannot_be_loaded_is_named(server: Server, airflow: Airflow) -> None:
    errors = [{"filename": "/dags/pipeline.py", "stack_trace": "SyntaxError: invalid"}]
    server.routes["GET /importErrors"] = lambda body: (200, {"import_errors": errors})
    with pytest.raises(AirflowError, match=r"(?s)pipeline\.py.*SyntaxError"):
        airflow.start("pipeline")


def test_a_dag_that_is_not_there_is_named(server: Server, airflow: Airflow) -> None:
    server.routes["GET /importErrors"] = lambda body: (200, {"import_errors": []})
    with pytest.raises(AirflowError, match="has not read the DAG pipeline"):
        airflow.wait_for_dag("pipeline", seconds=0.01)


def test_wait_reports_states_in_the_order_of_the_tasks(server: Server, airflow: Airflow) -> None:
    server.routes |= {
        "GET /dags/pipeline/dagRuns/manual__1": in_turn((200, {"state": "running"}), (200, {"state": "success"})),
        "GET /dags/pipeline/tasks": lambda body: (200, TASKS),
        "GET /dags/pipeline/dagRuns/manual__1/taskInstances": in_turn(
            (200, states(extract="running", load=None)), (200, states(extract="success", load="success"))
        ),
    }
    seen: list[dict] = []
    assert airflow.wait(RUN, 10, seen.append) == {"extract": "success", "load": "success"}
    assert [list(each.items()) for each in seen][0] == [("extract", "running"), ("load", "waiting")]


def test_a_failed_task_is_named_with_the_end_of_its_newest_log(server: Server, airflow: Airflow) -> None:
    content = [
        {"event": "::group::Log"},
        {"event": "one"},
        {"event": "gone", "error_detail": [{"exc_type": "E", "exc_value": "why"}]},
    ]
    server.routes |= {
        "GET /dags/pipeline/dagRuns/manual__1": lambda body: (200, {"state": "failed"}),
        "GET /dags/pipeline/tasks": lambda body: (200, TASKS),
        "GET /dags/pipeline/dagRuns/manual__1/taskInstances": lambda body: (
            200,
            states(extract="failed", load="upstream_failed"),
        ),
        "GET /dags/pipeline/dagRuns/manual__1/taskInstances/extract/logs/2": lambda body: (200, {"content": content}),
    }
    with pytest.raises(AirflowError, match=r"(?s)task extract failed.*\none\ngone\nE: why$"):
        airflow.wait(RUN, 10)


def test_the_deadline_says_what_still_runs(server: Server, airflow: Airflow) -> None:
    server.routes |= {
        "GET /dags/pipeline/dagRuns/manual__1": lambda body: (200, {"state": "running"}),
        "GET /dags/pipeline/tasks": lambda body: (200, TASKS),
        "GET /dags/pipeline/dagRuns/manual__1/taskInstances": lambda body: (200, states(extract="running")),
    }
    with pytest.raises(AirflowError, match="not finished after 0 s; extract: running, load: waiting"):
        airflow.wait(RUN, 0)


def test_an_expired_token_is_renewed(server: Server, airflow: Airflow) -> None:
    server.routes["POST /auth/token"] = in_turn((201, {"access_token": "old"}), (201, {"access_token": "new"}))
    server.routes["GET /dags/pipeline/dagRuns/manual__1"] = in_turn((401, {}), (200, {"state": "success"}))
    assert airflow.look(RUN).finished
    assert server.asked[-1][2] == "Bearer new"


def test_a_restart_of_airflow_is_waited_for(server: Server, airflow: Airflow) -> None:
    server.routes["POST /auth/token"] = in_turn((502, {}), (201, {"access_token": "t1"}))
    server.routes["GET /dags/pipeline/dagRuns/manual__1"] = in_turn((503, {}), (500, {}), (200, {"state": "success"}))
    assert airflow.look(RUN).state == "success"


def test_a_wrong_password_is_said_at_once(server: Server, airflow: Airflow) -> None:
    server.routes["POST /auth/token"] = lambda body: (401, {"detail": "Invalid credentials"})
    with pytest.raises(AirflowError, match="refuses the login of someone: 401"):
        airflow.look(RUN)


def test_nobody_there_is_an_error_that_names_the_address(
    server: Server, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_client, "PATIENCE_SECONDS", 0)
    away = Airflow("http://127.0.0.1:1", "someone", "secret")
    with pytest.raises(AirflowError, match=r"does not answer on http://127\.0\.0\.1:1"):
        away.look(RUN)
