"""The rendered configuration: of the embedded engine and of a real server."""

import hashlib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from clickhouse_http import engine_config, native
from clickhouse_http.config import config
from clickhouse_http.profiles import CAPPED, READER, WRITER, profiles
from contracts.settings import Settings


def known(tmp_path: Path, **values: str):
    secrets = {"CLICKHOUSE_PASSWORD": "write<&>1", "CLICKHOUSE_BI_PASSWORD": "read-1"}
    return config(Settings({**secrets, "VAR_DIR": str(tmp_path), **values}))


def text(root: ElementTree.Element, path: str) -> str:
    found = root.find(path)
    assert found is not None, path
    return found.text or ""


def test_the_engine_has_one_memory_limit_and_the_stacks_directory(tmp_path: Path) -> None:
    root = ElementTree.fromstring(engine_config.engine_xml(known(tmp_path, CLICKHOUSE_MAX_MEMORY="123456789")))
    assert text(root, "max_server_memory_usage") == "123456789"
    assert text(root, "path") == str(tmp_path / "clickhouse" / "data")


def test_no_source_is_granted_to_the_embedded_engine(tmp_path: Path) -> None:
    root = ElementTree.fromstring(engine_config.users_xml(known(tmp_path)))
    granted = " ".join(query.text or "" for query in root.findall("users/default/grants/query"))
    assert "SELECT, INSERT" in granted
    for source in (
        "FILE",
        "URL",
        "S3",
        "REMOTE",
        "POSTGRES",
        "SOURCES",
        "DICTIONARY",
        "FUNCTION",
        "ALL",
        "SYSTEM SHUTDOWN",
        "GRANT OPTION",
    ):
        assert source not in granted.replace("GRANT SELECT", "SELECT")


def test_the_reader_is_limited_and_cannot_lift_its_limits(tmp_path: Path) -> None:
    values = profiles(known(tmp_path))
    assert (values[READER]["readonly"], values[WRITER]["readonly"]) == (2, 0)
    root = ElementTree.fromstring(engine_config.users_xml(known(tmp_path)))
    for name in CAPPED:
        assert text(root, f"profiles/{READER}/constraints/{name}/max") == str(values[READER][name])
        assert text(root, f"profiles/{READER}/constraints/{name}/min") == "1"
    assert root.find(f"profiles/{READER}/constraints/dialect/const") is not None


def test_passwords_are_in_no_file_of_the_embedded_engine(tmp_path: Path) -> None:
    rendered = engine_config.users_xml(known(tmp_path)) + engine_config.engine_xml(known(tmp_path))
    assert "write" not in rendered.replace("writer", "") and "read-1" not in rendered


def test_a_real_server_listens_where_the_stack_expects_it(tmp_path: Path) -> None:
    root = ElementTree.fromstring(native.server_xml(known(tmp_path, PORT_OFFSET="100")))
    assert (text(root, "listen_host"), text(root, "http_port")) == ("127.0.0.1", "8223")
    assert root.find("tcp_port") is None
    assert text(root, "path").startswith(str(tmp_path / "clickhouse"))
    assert text(root, "user_directories/users_xml/path") == str(native.users_path(known(tmp_path)))


def test_a_real_server_has_both_accounts(tmp_path: Path) -> None:
    root = ElementTree.fromstring(native.users_xml(known(tmp_path)))
    assert text(root, "users/pipeline/password_sha256_hex") == hashlib.sha256(b"write<&>1").hexdigest()
    assert (text(root, "users/pipeline/profile"), text(root, "users/bi/profile")) == (WRITER, READER)
    reader = " ".join(query.text or "" for query in root.findall("users/bi/grants/query"))
    assert "INSERT" not in reader and "ALL" not in reader
    assert text(root, f"profiles/{READER}/readonly") == "2"


def test_a_real_server_is_started_without_a_secret_on_its_command_line(tmp_path: Path) -> None:
    settings = known(tmp_path)
    native.render(settings)
    assert native.command("/bin/clickhouse", settings) == [
        "/bin/clickhouse",
        "server",
        f"--config-file={native.config_path(settings)}",
    ]
    assert native.users_path(settings).stat().st_mode & 0o077 == 0
    assert "write<" not in native.users_path(settings).read_text()
