"""Every module can be imported in the environment that runs it, and the pipeline cannot reach the planted truth."""

import ast
import subprocess

import pytest

from contracts.settings import ROOT, settings

ENVIRONMENTS = {
    "core": ("contracts", "runner", "generators", "cdc", "verify", "bench", "alerts"),
    "flink": ("flink_jobs",),
    "spark": ("lakehouse", "spark_ml"),
    "clickhouse": ("clickhouse_http",),
}
# Modules of a package that run in another environment than the rest of it.
ELSEWHERE = {"runner.superset_init": "superset"}
PIPELINE = ("alerts", "flink_jobs", "cdc", "lakehouse", "spark_ml", "dbt", "airflow", "superset", "clickhouse_http")


def modules(package: str) -> list[str]:
    files = sorted((ROOT / package).rglob("*.py"))
    return [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in files
        if file.name not in ("__main__.py", "__init__.py")
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_modules_import(environment):
    names = [name for package in ENVIRONMENTS[environment] for name in modules(package) if name not in ELSEWHERE]
    assert len(names) >= 3
    python = settings().tools / "venvs" / environment / "bin" / "python"
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run([python, "-c", script, *names], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-1500:]


def test_the_pipeline_knows_nothing_of_the_truth():
    """Neither the generators' modules nor the folder of the truth appear in what computes from events."""
    sources = [file for package in PIPELINE for file in (ROOT / package).rglob("*.py")]
    assert len(sources) >= 20
    for file in sources:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            assert not any(name.split(".")[0] == "generators" for name in [*names, module]), file
            assert not (isinstance(node, ast.Attribute) and node.attr == "truth"), file
