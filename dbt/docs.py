"""dbt's documentation as one page, ``VAR_DIR/docs/index.html``: models, columns, tests, lineage up to the dashboards.

Run by path with dbt's own Python, after a build: the types and sizes of the tables are asked of the warehouse.
"""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from build import BuildError, arguments, environment, parsed, variables

from contracts.settings import Settings, SettingsError, settings


def documentation(config: Settings) -> Path:
    """The page, written anew; BuildError where dbt cannot make it."""
    now = datetime.now(UTC)
    os.environ.update(environment(config))
    var, page = config.var / "dbt", config.var / "docs" / "index.html"
    target = var / "docs"
    from dbt.cli.main import dbtRunner

    command = ["docs", "generate", "--static", *parsed(var)]
    result = dbtRunner().invoke(arguments(command, variables(config, "", now.date(), now), var, target))
    if not result.success:
        raise BuildError(f"dbt docs failed: {result.exception or 'its log says why'} ({var / 'logs'})")
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
