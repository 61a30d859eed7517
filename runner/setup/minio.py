"""MinIO, which publishes no binary to a package registry: built by Go, which checks the sources against its checksum database."""

import shutil
from functools import partial
from pathlib import Path

from runner.setup.item import Item, Run

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"


def installed(tools: Path) -> bool:
    mark = tools / "bin" / "minio.version"
    return mark.exists() and mark.read_text() == VERSION and (tools / "bin" / "minio").exists()


def install(tools: Path, run: Run) -> None:
    """Minutes of both processors on a new machine, so it gives way to the other downloads."""
    target, building = tools / "bin", tools / "bin.building"
    shutil.rmtree(building, ignore_errors=True)
    run(["nice", "-n", "10", "go", "install", f"github.com/minio/minio@{VERSION}"], {"GOBIN": str(building)})
    target.mkdir(parents=True, exist_ok=True)
    (building / "minio").replace(target / "minio")
    (target / "minio.version").write_text(VERSION)
    building.rmdir()


def item(tools: Path) -> Item:
    return Item("minio", installed=partial(installed, tools), install=partial(install, tools), needs=("go",), disk_gb=3)
