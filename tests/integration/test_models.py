"""The models' own tests, in their environment, which the test's own does not have."""

import subprocess
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest
from warehouse_stack import python

from contracts.settings import ROOT

FOLDER = ROOT / "tests" / "models"
FILES = sorted(path.stem for path in FOLDER.glob("test_*.py"))
SECONDS = 1800
NOT_PASSED = ("failure", "error", "skipped")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Of each file, how each of its tests went; "" for one that passed. One process: most of the time goes to imports."""
    report = tmp_path_factory.mktemp("models") / "report.xml"
    command = [python("models"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = subprocess.run(
        [*command, f"--junitxml={report}", str(FOLDER)], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode in (0, 1), done.stdout[-6000:] + done.stderr[-3000:]
    found = read(report)
    assert set(found) == set(FILES)
    return found


def read(report: Path) -> dict[str, list[str]]:
    found = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):
        # A file that cannot be imported is a case without a class, under the file's name.
        file = (case.get("classname") or case.get("name", "")).rpartition(".")[2]
        found[file].append("".join(f"{case.get('name')}: {each.text}" for each in case if each.tag in NOT_PASSED))
    return found


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("file", FILES)
def test_in_the_environment_of_the_models(file: str, outcomes: dict[str, list[str]]):
    assert len(outcomes[file]) >= 3
    assert not any(outcomes[file]), "\n".join(outcomes[file])
