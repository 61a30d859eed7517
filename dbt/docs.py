"""dbt's documentation as one page, ``VAR_DIR/docs/index.html``: models, columns, tests, lineage up to the dashboards.

Run by path with dbt's own Python, after a build: the types and sizes of the tables are asked of the warehouse.
"""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from build import BuildError, arguments, environment, variables

from contracts.settings import Settings, SettingsError, settings


def documentation(config: Settings) -> Path:
    """The page, written anew; BuildError where dbt cannot make it."""
    now = datetime.now(UTC)
    os.environ.update(environment(config))
    target, page = config.var / "dbt" / "docs", config.var / "docs" / "index.html"
    from dbt.cli.main import dbtRunner

    command = arguments(["docs", "generate", "--static"], variables(config, "", now.date(), now), config.var / "dbt", target)
    result = dbtRunner().invoke(command)
    if not result.success:
        raise BuildError(f"dbt docs failed: {result.exception or 'its log says why'} ({config.var / 'dbt' / 'logs'})")
    page.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(target / "static_index.html", page))


def main() -> int:
    try:
        print(documentation(settings()))
    except (BuildError, SettingsError) as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
