"""MLflow: runs of the models and their registry; metadata in Postgres, artefacts on the object store."""

from pathlib import Path

from contracts.settings import Settings
from runner import probes
from runner.service import Page, Service
from runner.tools import python, venv


def variables(s: Settings) -> dict[str, str]:
    """The addresses hold passwords, so they travel here and not in the command."""
    return {
        "MLFLOW_BACKEND_STORE_URI": s.postgres_dsn("mlflow").replace("postgresql://", "postgresql+psycopg2://", 1),
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{s.bucket}/mlflow",
        "MLFLOW_S3_ENDPOINT_URL": s.url("MINIO"),
        "AWS_ACCESS_KEY_ID": s.minio.user,
        "AWS_SECRET_ACCESS_KEY": s.minio.password,
        "AWS_DEFAULT_REGION": s.get("S3_REGION", "us-east-1"),
        # Its job runner is a second server, of 2 GB, for features that nobody uses here.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def allowed_hosts(s: Settings) -> str:
    """Names by which it may be addressed; requests for any other are refused (DNS rebinding)."""
    names = dict.fromkeys(("localhost", "127.0.0.1", s.host("MLFLOW")))
    return ",".join(f"{name}{port}" for name in names for port in ("", ":*"))


def service(s: Settings) -> Service:
    return Service(
        name="mlflow",
        command=(
            python("models"),
            str(venv("models") / "bin" / "mlflow"),
            "server",
            f"--host={s.bind_address}",
            f"--port={s.port('MLFLOW')}",
            "--workers=1",
            f"--allowed-hosts={allowed_hosts(s)}",
        ),
        environment=variables(s),
        needs=(Path(python("models")),),
        # Artefacts come later: whoever sends one has seen to the bucket.
        depends_on=("postgres_schema",),
        ports=("MLFLOW",),
        ready=probes.http_ok(f"{s.url('MLFLOW')}/health"),
        page=Page("MLflow: runs and versions of the models", s.url("MLFLOW")),
        memory_mb=550,
        start_seconds=300,
    )
