"""Jars by the ordinary Maven client, held to committed checksums.

Maven runs with the user's own settings and repositories, and with strict checksums. What it copied must then be
exactly the files of ``requirements/jars.sha256`` before it takes the place of ``$TOOLS_DIR/jars``.
"""

import hashlib
import shutil
import tomllib
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

from contracts.settings import ROOT
from runner.setup.item import Item, Run, SetupError, is_stamped, stamp

LIST = ROOT / "requirements" / "jars.toml"
CHECKSUMS = ROOT / "requirements" / "jars.sha256"
PLUGIN = "3.8.1"


@dataclass(frozen=True)
class Group:
    """Jars of one directory."""

    name: str
    artifacts: list[str]
    with_dependencies: bool = False


def groups(path: Path = LIST) -> list[Group]:
    return [Group(name, **values) for name, values in tomllib.loads(path.read_text()).items()]


def coordinates(artifact: str) -> str:
    """XML elements of ``group:artifact:version``; SetupError where it is not that."""
    parts = artifact.split(":")
    if len(parts) != 3 or not all(parts):
        raise SetupError(f"{LIST.name}: {artifact!r} is not group:artifact:version")
    names = ("groupId", "artifactId", "version")
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in zip(names, parts, strict=True))


def pom(wanted: list[Group], destination: Path) -> str:
    """A project whose ``package`` phase copies every group into a directory of its name below ``destination``.

    Maven resolves dependencies for the project as a whole, so only one group may have them.
    """
    resolved = [group for group in wanted if group.with_dependencies]
    if len(resolved) > 1:
        raise SetupError(f"{LIST.name}: only one group may have with_dependencies")
    artifacts = [artifact for group in resolved for artifact in group.artifacts]
    dependencies = "".join(f"<dependency>{coordinates(artifact)}</dependency>" for artifact in artifacts)
    executions = "".join(_execution(group, destination / group.name) for group in wanted)
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>local</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies><build><plugins><plugin>"
        f"<groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>{PLUGIN}</version>"
        f"<executions>{executions}</executions></plugin></plugins></build></project>\n"
    )


def _execution(group: Group, directory: Path) -> str:
    target = f"<outputDirectory>{escape(str(directory))}</outputDirectory>"
    if group.with_dependencies:
        goal, configuration = "copy-dependencies", f"<includeScope>runtime</includeScope>{target}"
    else:
        items = "".join(f"<artifactItem>{coordinates(artifact)}</artifactItem>" for artifact in group.artifacts)
        goal, configuration = "copy", f"<artifactItems>{items}</artifactItems>{target}"
    return (
        f"<execution><id>{group.name}</id><phase>package</phase><goals><goal>{goal}</goal></goals>"
        f"<configuration>{configuration}</configuration></execution>"
    )


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of every file below a directory, by path relative to it."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256(path) for path in files}


def read_checksums(path: Path = CHECKSUMS) -> dict[str, str]:
    """The lines of ``sha256sum``: digest, two blanks, name."""
    return {name: digest for digest, name in (line.split("  ", 1) for line in path.read_text().splitlines())}


def write_checksums(found: dict[str, str], path: Path = CHECKSUMS) -> None:
    path.write_text("".join(f"{digest}  {name}\n" for name, digest in found.items()))


def compare(found: dict[str, str], expected: dict[str, str]) -> None:
    """SetupError that names every file missing, unexpected or different."""
    problems = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    problems += [f"{name} is not listed" for name in sorted(found.keys() - expected.keys())]
    problems += [
        f"{name} has another checksum" for name in sorted(found.keys() & expected.keys()) if found[name] != expected[name]
    ]
    if problems:
        raise SetupError(f"jars differ from {CHECKSUMS.name}: {', '.join(problems)}")


def fingerprint() -> str:
    return hashlib.sha256(LIST.read_bytes() + CHECKSUMS.read_bytes()).hexdigest()


def installed(tools: Path) -> bool:
    return is_stamped(tools / "jars", fingerprint())


def fetch(building: Path, run: Run) -> None:
    """Let Maven fill ``building`` with the groups' directories."""
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    project = building.with_suffix(".pom.xml")
    project.write_text(pom(groups(), building))
    run(["mvn", "--batch-mode", "--strict-checksums", "--no-transfer-progress", "--file", str(project), "package"])
    project.unlink()


def install(tools: Path, run: Run) -> None:
    target, building = tools / "jars", tools / "jars.building"
    fetch(building, run)
    compare(checksums(building), read_checksums())
    stamp(building, fingerprint())
    if target.exists():
        shutil.rmtree(tools / "jars.old", ignore_errors=True)
        target.rename(tools / "jars.old")
    building.rename(target)
    shutil.rmtree(tools / "jars.old", ignore_errors=True)


def item(tools: Path) -> Item:
    return Item("jars", installed=partial(installed, tools), install=partial(install, tools), needs=("java", "mvn"), disk_gb=0.6)


def renew(tools: Path, run: Run) -> None:
    """Write the checksums of what Maven delivers now."""
    building = tools / "jars.compile"
    fetch(building, run)
    write_checksums(checksums(building))
    shutil.rmtree(building)
