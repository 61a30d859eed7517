"""``python -m clickhouse_http.native``: the same part by a real ``clickhouse server``, from the same settings.

Renders the server's configuration (address, data directory, both accounts with their limits) and becomes the server.
Passwords are in the rendered file as SHA-256 and on no command line.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from clickhouse_http.config import Config, config
from clickhouse_http.profiles import READER, WRITER, profile_xml, profiles, server_limits, xml
from contracts.settings import Account, SettingsError, settings

WRITER_GRANTS = ("ALL ON *.*",)
READER_GRANTS = ("SELECT, SHOW, dictGet ON *.*", "CREATE TEMPORARY TABLE ON *.*")


def server_xml(known: Config) -> str:
    """HTTP on the stack's own address and port, nothing else; files under the stack's directory."""
    directory = known.directory / "server"
    return xml(
        {
            "logger.level": "warning",
            "logger.console": 1,
            "listen_host": known.host,
            "http_port": known.port,
            "path": f"{directory / 'data'}/",
            "tmp_path": f"{directory / 'tmp'}/",
            "user_files_path": f"{directory / 'user_files'}/",
            "format_schema_path": f"{directory / 'format_schemas'}/",
            "user_directories.users_xml.path": users_path(known),
            "default_profile": WRITER,
            "default_database": "default",
            "timezone": "UTC",
            **server_limits(known),
            "max_concurrent_queries": known.connections * 4,
        }
    )


def users_xml(known: Config) -> str:
    limits = "\n".join(profile_xml(name, values) for name, values in profiles(known).items())
    accounts = _user_xml(known.writer, WRITER, WRITER_GRANTS) + _user_xml(known.reader, READER, READER_GRANTS)
    return (
        f"<clickhouse>\n <profiles>\n{limits}\n </profiles>\n <users>\n{accounts} </users>\n"
        " <quotas><default/></quotas>\n</clickhouse>\n"
    )


def _user_xml(account: Account, profile: str, grants: tuple[str, ...]) -> str:
    digest = hashlib.sha256(account.password.encode()).hexdigest()
    queries = "".join(f"<query>GRANT {escape(grant)}</query>" for grant in grants)
    return (
        f"  <{account.user}>\n   <password_sha256_hex>{digest}</password_sha256_hex><profile>{profile}</profile>\n"
        f"   <quota>default</quota><networks><ip>::/0</ip></networks><grants>{queries}</grants>\n  </{account.user}>\n"
    )


def config_path(known: Config) -> Path:
    return known.directory / "server" / "config.xml"


def users_path(known: Config) -> Path:
    return known.directory / "server" / "users.xml"


def command(binary: str, known: Config) -> list[str]:
    return [binary, "server", f"--config-file={config_path(known)}"]


def render(known: Config) -> None:
    config_path(known).parent.mkdir(parents=True, exist_ok=True)
    for path, text in ((config_path(known), server_xml(known)), (users_path(known), users_xml(known))):
        path.write_text(text)
        path.chmod(0o600)


def main() -> int:
    """Does not return where all goes well: the process becomes the server."""
    binary = shutil.which("clickhouse")
    if not binary:
        print("clickhouse_http.native: no `clickhouse` binary on PATH", file=sys.stderr)
        return 1
    try:
        known = config(settings())
    except SettingsError as error:
        print(f"clickhouse_http.native: {error}", file=sys.stderr)
        return 1
    render(known)
    os.chdir(known.directory / "server")
    return os.execv(binary, command(binary, known))


if __name__ == "__main__":
    sys.exit(main())
