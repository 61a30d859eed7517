"""Docker Compose as a program of its own, for machines whose docker lacks it and for the test of docker-compose.yml."""

import shutil
from functools import partial
from pathlib import Path

from runner.setup.item import Item, Run

NAME = "compose"
VERSION = "v5.0.2"


def program(tools: Path) -> Path:
    return tools / "bin" / "docker-compose"


def mark(tools: Path) -> Path:
    return tools / "bin" / "docker-compose.version"


def installed(tools: Path) -> bool:
    return program(tools).exists() and mark(tools).exists() and mark(tools).read_text() == VERSION


def install(tools: Path, run: Run) -> None:
    """Gives way to everything else: nothing that runs the stack needs it."""
    building = tools / "compose.building"
    shutil.rmtree(building, ignore_errors=True)
    run(["nice", "-n", "19", "go", "install", f"github.com/docker/compose/v5/cmd@{VERSION}"], {"GOBIN": str(building)})
    program(tools).parent.mkdir(parents=True, exist_ok=True)
    (building / "cmd").replace(program(tools))
    mark(tools).write_text(VERSION)
    building.rmdir()


def item(tools: Path) -> Item:
    return Item(NAME, installed=partial(installed, tools), install=partial(install, tools), needs=("go",), disk_gb=2)
