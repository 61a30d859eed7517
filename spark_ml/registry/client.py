"""The tracking server and its registry, reached by settings."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

import lakehouse.program
from contracts.settings import ROOT, Settings
from lakehouse.errors import LakeError, one_line

ANSWER_SECONDS = 5


def connect(settings: Settings) -> MlflowClient:
    """LakeError where the server does not answer; MLflow itself would try for minutes."""
    address = settings.url("MLFLOW")
    try:
        requests.get(f"{address}/health", timeout=ANSWER_SECONDS).raise_for_status()
    except requests.RequestException as error:
        raise LakeError(f"MLflow at {address}: {one_line(error)}") from None
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Its hints on formats and environments are not the reader's concern; what it refuses is an error.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    return MlflowClient(address, address)


def experiment(name: str) -> str:
    """Its id; made where it is missing."""
    return mlflow.set_experiment(name).experiment_id


def exit_code(program: str, main: Callable[[], None]) -> int:
    """As ``lakehouse.program.exit_code``, with what MLflow refuses among the errors of one line."""

    def told() -> None:
        try:
            main()
        except MlflowException as error:
            raise LakeError(f"MLflow: {one_line(error)}") from error

    return lakehouse.program.exit_code(program, told)


def code_version() -> str:
    """The commit of this checkout; without a repository the version of the project."""
    head = ROOT / ".git"
    if head.is_file():
        head = Path(head.read_text().partition("gitdir: ")[2].strip())
    try:
        reference = (head / "HEAD").read_text().strip()
        if not reference.startswith("ref: "):
            return reference
        common = head / "commondir"
        base = (head / common.read_text().strip()).resolve() if common.exists() else head
        return _of_branch(base, reference.removeprefix("ref: "))
    except OSError:
        return "unknown"


def _of_branch(base: Path, name: str) -> str:
    loose = base / name
    if loose.exists():
        return loose.read_text().strip()
    packed = (line.split() for line in (base / "packed-refs").read_text().splitlines() if not line.startswith(("#", "^")))
    return next((commit for commit, found in packed if found == name), "unknown")
