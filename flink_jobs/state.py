"""Where the job's checkpoints and savepoints lie."""

from pathlib import Path

from contracts.settings import Settings
from flink_jobs import JOB


def state_folder(config: Settings) -> Path:
    return config.var / "flink" / "state" / JOB
