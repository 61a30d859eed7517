"""I6: every exported table holds one snapshot of the newest run, with as many rows as the mart had, each customer once."""

import json
import subprocess
from pathlib import Path

from contracts.settings import ROOT, settings
from verify.result import Result


def newest_run() -> Path | None:
    """The folder of the newest run that was exported."""
    found = (settings().var / "runs").glob("*/export.json")
    return max((file.parent for file in found), key=lambda folder: (folder / "export.json").stat().st_mtime, default=None)


def lake() -> Result:
    result = Result("I6", "Iceberg: one snapshot a run, rows = distinct keys = input")
    run = newest_run()
    if run is None:
        result.figures["run"] = "none yet"
        return result
    result.figures["run"] = run.name
    manifest = json.loads((run / "export.json").read_text())
    for name, found in inspect(run.name).items():
        expected = manifest["tables"][name]["rows"] if name in manifest["tables"] else found["rows"]
        result.figures[f"{name}: rows"] = found["rows"]
        if not found["rows"] == found["distinct"] == expected:
            result.differ(f"{name}: {found['rows']} rows, {found['distinct']} distinct keys, {expected} exported")
        if found["snapshots"] != 1:
            result.differ(f"{name}: {found['snapshots']} snapshots of run {run.name}")
        if found["missing"]:
            result.differ(f"{name}: {found['missing']} customers of the input have no row")
    return result


def inspect(run_id: str) -> dict[str, dict[str, int]]:
    """What ``lakehouse.check`` finds, run in the environment that has Iceberg's client."""
    python = settings().tools / "venvs" / "spark" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "lakehouse.check", "--run-id", run_id], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise RuntimeError(f"lakehouse.check: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
    answer: dict[str, dict[str, int]] = json.loads(done.stdout)
    return answer
