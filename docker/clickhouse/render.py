"""Write config.xml and users.xml for the server image from what the embedded engine is given.

Run by path in the clickhouse environment, as ``make render`` does. A test holds the committed files to it.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from clickhouse_http import engine  # noqa: E402
from clickhouse_http.config import MIB, config  # noqa: E402
from contracts.settings import Account, Settings  # noqa: E402

MAX_MEMORY = 1024 * MIB
# Paths are the image's own, and the default database is the one of the embedded engine's sessions.
ENGINE_ONLY = ("users_config", "path", "user_files_path", "tmp_path", "default_database")
# What a server keeps about itself, and protocols that nobody here speaks.
REMOVED = (
    "asynchronous_metric_log", "error_log", "latency_log", "metric_log", "part_log", "processors_profile_log",
    "query_metric_log", "query_thread_log", "text_log", "trace_log", "mysql_port", "postgresql_port",
)  # fmt: skip


def known() -> Settings:
    """Settings with the server's memory; the passwords stand for variables of the container."""
    return Settings(
        {"CLICKHOUSE_PASSWORD": "writer", "CLICKHOUSE_BI_PASSWORD": "reader", "CLICKHOUSE_MAX_MEMORY": str(MAX_MEMORY)}
    )


def config_xml() -> str:
    root = ET.Element("clickhouse")
    logger = ET.SubElement(root, "logger")
    ET.SubElement(logger, "level").text = "warning"
    ET.SubElement(logger, "console").text = "1"
    root.extend(each for each in ET.fromstring(engine.engine_xml(config(known()))) if each.tag not in ENGINE_ONLY)
    for name in REMOVED:
        ET.SubElement(root, name, remove="1")
    return text(root)


def users_xml() -> str:
    """Both accounts with the engine's grants; the reader's profile is read-only."""
    s = known()
    root = ET.Element("clickhouse")
    engine_users = ET.fromstring(engine.users_xml(config(s)))
    profiles = ET.SubElement(root, "profiles")
    profiles.extend(each for each in engine_users.iterfind("profiles/*") if each.tag in (engine.WRITER, engine.READER))
    users = ET.SubElement(root, "users")
    ET.SubElement(users, "default", remove="remove")
    add_user(users, s.clickhouse, "CLICKHOUSE_PASSWORD", engine.WRITER)
    add_user(users, s.clickhouse_bi, "CLICKHOUSE_BI_PASSWORD", engine.READER)
    return text(root)


def add_user(users: ET.Element, account: Account, password_variable: str, profile: str) -> None:
    user = ET.SubElement(users, account.user)
    ET.SubElement(user, "password", from_env=password_variable)
    ET.SubElement(ET.SubElement(user, "networks"), "ip").text = "::/0"
    ET.SubElement(user, "profile").text = profile
    ET.SubElement(user, "quota").text = "default"
    grants = ET.SubElement(user, "grants")
    for grant in engine.GRANTS:
        ET.SubElement(grants, "query").text = f"GRANT {grant}"


def text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


RENDERED = {"config.xml": config_xml, "users.xml": users_xml}

if __name__ == "__main__":
    for name, make in RENDERED.items():
        (HERE / name).write_text(make())
