"""Make the champion's predecessor the champion again: ``python -m spark_ml.registry.rollback --model churn [--version 3]``.

The next scoring uses it; rows that were scored before stay under their runs, with the version that scored them.
"""

import argparse
import sys

from contracts.settings import settings
from spark_ml.registry.champion import roll_back
from spark_ml.registry.client import connect, exit_code


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.registry.rollback", description="Back to an older champion.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", default="", help="empty: the one that the champion followed")
    given = parser.parse_args()
    before, after = roll_back(connect(settings()), given.model, given.version)
    print(f"{given.model}: champion is version {after} again, was {before}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.registry.rollback", main))
