"""Where the jobs' checkpoints and savepoints lie."""

from pathlib import Path

from contracts.settings import Settings


def state_folder(config: Settings, job: str) -> Path:
    return config.var / "flink" / "state" / job
