"""The models' own tests, in their environment, which the test's own does not have."""

import re
import subprocess

import pytest
from warehouse_stack import python

from contracts.settings import ROOT

FILES = sorted(path.name for path in (ROOT / "tests" / "models").glob("test_*.py"))
SECONDS = 900


@pytest.mark.parametrize("name", FILES)
def test_in_the_environment_of_the_models(name: str):
    command = [python("models"), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/models/{name}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-6000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= 3, done.stdout[-500:]
