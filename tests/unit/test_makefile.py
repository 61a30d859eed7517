"""What make hands on: nothing that nobody gave, and the place of the tools as the programs know it."""

import os
import subprocess
from pathlib import Path

import pytest

from contracts.settings import ROOT


def commands(target: str, *given: str, **environment: str) -> str:
    """What make would run."""
    kept = {name: value for name, value in os.environ.items() if name not in ("TOOLS_DIR", "ENV_FILE", "TRIALS", "MAKEFLAGS")}
    done = subprocess.run(
        ["make", "--dry-run", target, *given], cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_default_of_the_contracts_is_not_repeated():
    assert "--trials" not in commands("churn")
    assert '--trials "3"' in commands("churn", "TRIALS=3")


@pytest.mark.parametrize(
    ("line", "given", "tools"),
    [
        ("", {}, f"{ROOT}/.tools"),
        ("TOOLS_DIR = /srv/tools ", {}, "/srv/tools"),
        ("TOOLS_DIR=/srv/old\nTOOLS_DIR=/srv/tools", {}, "/srv/tools"),
        ("#TOOLS_DIR=/srv/tools", {}, f"{ROOT}/.tools"),
        ("TOOLS_DIR=/srv/tools", {"TOOLS_DIR": "/opt/tools"}, "/opt/tools"),
    ],
)
def test_the_tools_are_where_the_settings_say(tmp_path: Path, line: str, given: dict[str, str], tools: str):
    (tmp_path / "env").write_text(f"{line}\n")
    assert f"{tools}/venvs/core/bin/python -m runner status" in commands("status", ENV_FILE=str(tmp_path / "env"), **given)
