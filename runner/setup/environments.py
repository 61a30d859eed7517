"""Virtual environments, one per tool because their dependencies conflict, from pinned and hashed requirements.

uv makes them; where it is not on the machine it comes from its own pinned requirements into ``$TOOLS_DIR/uv``.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from contracts.settings import ROOT
from runner.setup.item import Item, Run, SetupError, is_stamped, stamp

REQUIREMENTS = ROOT / "requirements"
PYTHON = "python3.11"

# Disk space of each in GB, with what stays in uv's cache.
ENVIRONMENTS = {
    "core": 0.8,
    "flink": 1.2,
    "clickhouse": 1.2,
    "dbt": 0.3,
    "airflow": 0.5,
    "superset": 1.2,
    "spark": 1.8,
    "dev": 1.0,
    "synth": 0.7,
    "models": 2.0,
}
# What the machine must have for one, beside Python.
OPENMP = "OpenMP"
NEEDS = {"models": (OPENMP,)}
# What running the stack does not take.
ON_REQUEST = ("dev", "synth")


def pins(name: str) -> Path:
    return REQUIREMENTS / f"{name}.txt"


def fingerprint(name: str, venv: Path) -> str:
    """Pins and place: the scripts of an environment hold its absolute path, so a moved one is not whole."""
    return hashlib.sha256(pins(name).read_bytes() + str(venv).encode()).hexdigest()


def installed(name: str, venv: Path) -> bool:
    return is_stamped(venv, fingerprint(name, venv)) and (venv / "bin" / "python").exists()


def install(name: str, venv: Path, uv: Path, run: Run) -> None:
    """Make an environment hold exactly its pins.

    A whole one with older pins is changed in place; the stamp goes first and comes back last, and without a stamp the
    environment is made anew.
    """
    env = index_settings()
    mark = venv / ".stamp"
    if mark.exists() and (venv / "bin" / "python").exists():
        mark.unlink()
    else:
        shutil.rmtree(venv, ignore_errors=True)
        run([uv, "venv", "--no-project", "--python", PYTHON, venv], env)
    run([uv, "pip", "sync", "--require-hashes", "--python", venv / "bin" / "python", pins(name)], env)
    stamp(venv, fingerprint(name, venv))


def items(tools: Path) -> list[Item]:
    uv = find_uv(tools)
    return [
        Item(
            name,
            installed=partial(installed, name, tools / "venvs" / name),
            install=partial(install, name, tools / "venvs" / name, uv),
            needs=(PYTHON, *NEEDS.get(name, ())),
            disk_gb=size,
        )
        for name, size in ENVIRONMENTS.items()
    ]


def find_uv(tools: Path) -> Path:
    """The machine's uv, or the place where ``install_uv`` puts one."""
    found = shutil.which("uv")
    return Path(found) if found else tools / "uv" / "bin" / "uv"


def install_uv(tools: Path, run: Run) -> None:
    """Put uv into ``$TOOLS_DIR/uv`` with pip. The program does not depend on its path, so it is moved there when whole."""
    target, building = tools / "uv", tools / "uv.building"
    shutil.rmtree(building, ignore_errors=True)
    run([PYTHON, "-m", "venv", building])
    run([building / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", pins("uv")])
    shutil.rmtree(target, ignore_errors=True)
    building.rename(target)


def index_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What uv must be told of pip's configuration, which it does not read: a machine that reaches packages through a mirror
    often has the mirror's address only there. uv's own settings win. Wheels are large, hence a longer time-out.
    """
    found = {} if environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") else pip_index()
    return {"UV_HTTP_TIMEOUT": environ.get("UV_HTTP_TIMEOUT", "180"), **found}


def pip_index() -> dict[str, str]:
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    return parse_pip_index(listed.stdout.splitlines())


def parse_pip_index(lines: Sequence[str]) -> dict[str, str]:
    """uv's variables from ``pip config list``: ``global.index-url='…'``; the environment (``:env:``) comes last and wins."""
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX"}
    found = {}
    for line in lines:
        key, equals, value = line.partition("=")
        name = names.get(key.rpartition(".")[2])
        if equals and name:
            found[name] = " ".join(value.strip().strip("'\"").replace("\\n", " ").split())
    return found


def compile_pins(name: str, uv: Path, run: Run, upgrade: bool) -> None:
    """Write ``requirements/<name>.txt`` from ``<name>.in``; pins that still fit stay unless ``upgrade``."""
    source = REQUIREMENTS / f"{name}.in"
    if not source.exists():
        raise SetupError(f"{source} does not exist")
    command: list[str | Path] = [uv, "pip", "compile", "--quiet", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", *(["--upgrade"] if upgrade else [])]
    # Relative paths, since they show in the annotations.
    run([*command, source.relative_to(ROOT), "--output-file", pins(name).relative_to(ROOT)], index_settings())
