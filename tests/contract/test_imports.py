"""Every module can be imported in the environment that runs it, and the pipeline cannot reach the planted truth."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from contracts.settings import ROOT, settings

ENVIRONMENTS = {
    "core": ("contracts", "runner", "generators", "cdc", "verify", "bench", "alerts"),
    "flink": ("flink_jobs",),
    "spark": ("lakehouse", "spark_ml"),
    "clickhouse": ("clickhouse_http",),
    "synth": ("synth",),
    "models": ("spark_ml.carts", "spark_ml.churn", "spark_ml.lifetime", "spark_ml.quality", "spark_ml.registry", "judge"),
}
# Modules of a package that run in another environment than the rest of it.
ELSEWHERE = {
    "runner.superset_init": "superset",
    "spark_ml.notebook": "models",
    "bench.page": "spark",
    "bench.kmeans": "models",
    "bench.usual_jobs": "flink",
}
# What computes from events; serving joins them when it is there.
PIPELINE = ("alerts", "flink_jobs", "cdc", "lakehouse", "spark_ml", "serving", "dbt", "airflow", "superset", "clickhouse_http")


def modules(package: str) -> list[str]:
    """Of the package, but for packages in it that run in an environment of their own."""
    others = [each for each in sum(ENVIRONMENTS.values(), ()) if each.startswith(f"{package}.")]
    files = sorted((ROOT / package.replace(".", "/")).rglob("*.py"))
    return [
        name
        for file in files
        if file.name not in ("__main__.py", "__init__.py")
        for name in [".".join(file.relative_to(ROOT).with_suffix("").parts)]
        if not name.startswith(tuple(f"{other}." for other in others))
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_modules_import(environment):
    names = [name for package in ENVIRONMENTS[environment] for name in modules(package) if name not in ELSEWHERE]
    names += [name for name, where in ELSEWHERE.items() if where == environment]
    assert len(names) >= 3
    python = settings().tools / "venvs" / environment / "bin" / "python"
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run([python, "-c", script, *names], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-1500:]


def test_a_health_check_loads_no_database_client():
    """Every container starts one each ten seconds; a client would double its time."""
    script = "import sys, runner.container; print(*{'psycopg', 'clickhouse_connect', 'confluent_kafka'} & set(sys.modules))"
    python = settings().tools / "venvs" / "core" / "bin" / "python"
    done = subprocess.run([python, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def code(package: str) -> list[Path]:
    """What a package is made of: code, SQL, configuration; not what a run has left there."""
    return [
        file
        for file in sorted((ROOT / package).rglob("*"))
        if file.suffix in (".py", ".sql", ".yml", ".yaml", ".json", ".toml", ".sh", ".html")
        and not {"target", "logs"} & set(file.relative_to(ROOT / package).parts)
    ]


def reaches(file: Path) -> set[str]:
    """By which ways the code could reach what is planted: an import of the generators, the setting, or a path."""
    text = file.read_text()
    found = set(re.findall(r"\b(?:var/truth|truth/|world\.json)", text))
    if file.suffix != ".py":
        return found
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        found |= {"import" for name in [*names, module] if name.split(".")[0] == "generators"}
        found |= {"setting" for name in [getattr(node, "attr", ""), getattr(node, "value", "")] if name == "truth"}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"(^|/)truth(/|$)", node.value):
            found.add("path")
    return found


def test_the_pipeline_knows_nothing_of_the_truth():
    files = [file for package in PIPELINE for file in code(package)]
    assert len(files) >= 60
    assert {str(file.relative_to(ROOT)): found for file in files if (found := reaches(file))} == {}


@pytest.mark.parametrize(
    ("name", "text", "way"),
    [
        ("a.py", "from generators.segments import SEGMENTS", "import"),
        ("a.py", "import generators.truth", "import"),
        ("a.py", "settings().truth", "setting"),
        ("a.py", "getattr(settings(), 'truth')", "setting"),
        ("a.py", "settings().var / 'truth' / 'x.parquet'", "path"),
        ("a.sql", "select * from file('../var/truth/x.parquet')", "var/truth"),
    ],
)
def test_each_way_to_the_truth_is_seen(tmp_path, name, text, way):
    (tmp_path / name).write_text(text)
    assert way in reaches(tmp_path / name)
