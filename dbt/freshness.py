"""How old the newest row of each source is, by dbt's own check: a line for each, exit code 1 where one is too old to be trusted.

Run by path with dbt's own Python. The limits stand beside the sources (``contracts/render_dbt.py``).
"""

import os
import sys
from datetime import UTC, datetime

from build import BuildError, arguments, environment, variables

from contracts.settings import Settings, SettingsError, settings

FRESH = "pass"


def ages(config: Settings) -> list[tuple[str, str, float]]:
    """Source, state (pass, warn, error) and age in seconds; BuildError where dbt cannot tell."""
    now = datetime.now(UTC)
    os.environ.update(environment(config))
    from dbt.cli.main import dbtRunner

    target = config.var / "dbt" / "freshness"
    result = dbtRunner().invoke(
        arguments(["source", "freshness"], variables(config, "", now.date(), now), config.var / "dbt", target)
    )
    if result.exception is not None:
        raise BuildError(f"dbt source freshness failed: {result.exception} ({config.var / 'dbt' / 'logs'})")
    return [(f"{found.node.schema}.{found.node.name}", str(found.status), found.age) for found in result.result]


def main() -> int:
    try:
        found = ages(settings())
    except (BuildError, SettingsError) as error:
        print(f"freshness: {error}", file=sys.stderr)
        return 1
    for source, state, age in found:
        print(f"{source:<24} {state:<6} newest row {age:,.0f} s old")
    return 0 if found and all(state == FRESH for _, state, _ in found) else 1


if __name__ == "__main__":
    sys.exit(main())
