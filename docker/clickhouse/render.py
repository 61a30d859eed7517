"""Write config.xml and users.xml for the server image: what clickhouse_http.native gives a server, without addresses or paths.

Run by path, as ``make render`` does. A test holds the committed files to it.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from clickhouse_http import native  # noqa: E402
from clickhouse_http.config import MIB, config  # noqa: E402
from contracts.settings import Settings  # noqa: E402

MAX_MEMORY = 896 * MIB
# The image has its own directories, listens on every address of its container, and finds the accounts in users.d.
IMAGE_S_OWN = ("listen_host", "http_port", "path", "tmp_path", "user_files_path", "format_schema_path", "user_directories")
# What a server keeps about itself, and protocols that nobody here speaks.
REMOVED = (
    "asynchronous_metric_log", "error_log", "latency_log", "metric_log", "part_log", "processors_profile_log",
    "query_metric_log", "query_thread_log", "text_log", "trace_log", "mysql_port", "postgresql_port",
)  # fmt: skip
# The passwords of these settings stand for variables of the container.
PASSWORDS = ("CLICKHOUSE_PASSWORD", "CLICKHOUSE_BI_PASSWORD")
KNOWN = Settings({**dict.fromkeys(PASSWORDS, "from the container"), "CLICKHOUSE_MAX_MEMORY": str(MAX_MEMORY)})


def config_xml() -> str:
    root = ET.fromstring(native.server_xml(config(KNOWN)))
    first = {each.tag: each for each in reversed(root)}
    for each in list(root):
        if each.tag in IMAGE_S_OWN:
            root.remove(each)
        elif first[each.tag] is not each:
            # Two of one name would not be merged into the image's own.
            first[each.tag].extend(each)
            root.remove(each)
    for name in REMOVED:
        ET.SubElement(root, name, remove="1")
    return text(root)


def users_xml() -> str:
    """Both accounts with their limits and grants, the image's own account removed."""
    root = ET.fromstring(native.users_xml(config(KNOWN)))
    root.remove(root.find("quotas"))
    users = root.find("users")
    for account, variable in zip((KNOWN.clickhouse, KNOWN.clickhouse_bi), PASSWORDS, strict=True):
        user = users.find(account.user)
        user.remove(user.find("password_sha256_hex"))
        user.insert(0, ET.Element("password", from_env=variable))
    ET.SubElement(users, "default", remove="remove")
    return text(root)


def text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


RENDERED = {"config.xml": config_xml, "users.xml": users_xml}

if __name__ == "__main__":
    for name, make in RENDERED.items():
        (HERE / name).write_text(make())
