#!/usr/bin/python3.11
"""Stand-in for the start of clickhouse/clickhouse-server: the embedded engine, by the mounted configuration and accounts."""

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

CONFIG = Path("/etc/clickhouse-server/config.d/stack.xml")
USERS = Path("/etc/clickhouse-server/users.d/stack.xml")
PYTHON = "/opt/tools/venvs/clickhouse/bin/python"


def accounts() -> dict[str, str]:
    """Variable of each account's password, by user; the image's own account must be removed."""
    users = ET.parse(USERS).getroot().find("users")
    if users is None or users.find("default[@remove]") is None:
        sys.exit(f"{USERS}: the account `default` is not removed")
    found = {user.tag: user.find("password") for user in users if user.tag != "default"}
    return {user: password.get("from_env", "") for user, password in found.items() if password is not None}


def main() -> None:
    variables = {variable: user for user, variable in accounts().items()}
    if missing := [name for name in variables if not os.environ.get(name)]:
        sys.exit(f"{USERS}: from_env names {missing[0]}, which is not set")
    environment = {
        **os.environ,
        "BIND_ADDRESS": "0.0.0.0",
        "VAR_DIR": "/var/lib",
        "CLICKHOUSE_USER": variables["CLICKHOUSE_PASSWORD"],
        "CLICKHOUSE_BI_USER": variables["CLICKHOUSE_BI_PASSWORD"],
        "CLICKHOUSE_MAX_MEMORY": ET.parse(CONFIG).getroot().findtext("max_server_memory_usage", ""),
    }
    os.execve(PYTHON, [PYTHON, "-m", "clickhouse_http"], environment)


if __name__ == "__main__":
    main()
