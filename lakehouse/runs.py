"""What a batch run leaves under VAR_DIR/runs/<run-id>/: one JSON file a step, written when the step is done."""

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

from contracts.lake import check_run_id
from contracts.settings import settings
from lakehouse.errors import LakeError

EXPORT = "export"
SEGMENTS = "segments"


def inputs(mart: str) -> str:
    """The step that froze one mart for a model."""
    return f"frozen_{mart}"


def run_id(text: str) -> str:
    """A command line's run id."""
    try:
        return check_run_id(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def as_of(text: str) -> date | None:
    """A command line's as-of day; None where it is empty."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, YYYY-MM-DD") from None


def path(run: str, step: str) -> Path:
    return settings().var / "runs" / run / f"{step}.json"


def write(run: str, step: str, content: dict[str, Any]) -> Path:
    """The whole file or none: it is written beside and moved into place."""
    target = path(run, step)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".part")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(target)
    return target


def read(run: str, step: str) -> dict[str, Any]:
    """LakeError where the step has not been done."""
    source = path(run, step)
    if not source.exists():
        raise LakeError(
            f"run {run} has no {source.name}: the step {step!r} was not done, or not with this VAR_DIR ({source.parent})"
        )
    content: dict[str, Any] = json.loads(source.read_text())
    return content
