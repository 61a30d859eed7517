"""Execute the analysts' notebook against the running stack: ``python -m spark_ml.notebook``.

The copy with its outputs is VAR_DIR/reports/customers.ipynb; the one in the repository stays without.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from contracts.settings import ROOT, settings
from lakehouse.errors import LakeError
from lakehouse.program import exit_code

NOTEBOOK = ROOT / "notebooks" / "customers.ipynb"
CELL_SECONDS = 300


def execute() -> Path:
    """LakeError with the error of the cell that failed."""
    book = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(book, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    try:
        client.execute()
    except CellExecutionError as error:
        raise LakeError(f"{NOTEBOOK.name}: {error.ename}: {error.evalue}") from None
    target = settings().var / "reports" / NOTEBOOK.name
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, target)
    return target


def main() -> None:
    print(execute())


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.notebook", main))
