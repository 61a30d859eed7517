"""Images where a registry cannot be reached: a Debian base by debootstrap, stand-ins for the images of others.

Each is made under the name of the real one, only where that is neither on the machine nor to be had, and is removed by
``removed_again``, so that it is never taken for the real one. Kafdrop is in no package registry: nothing stands in for it.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.settings import ROOT, Settings
from runner.docker_images import build_command, build_secrets
from tests.docker.engine import NoEngineError, succeeds

HERE = Path(__file__).parent
STAND_INS = ("kafka", "postgres", "clickhouse", "minio")
WITHOUT = ("kafdrop",)
LABEL = "customer-analytics.stand-in"
RELEASE = "bookworm"


class Images:
    """What the machine has of the images of these profiles' services, and what is made for it."""

    def __init__(
        self, services: dict[str, dict], profiles: set[str], settings: Settings, environment: dict[str, str], folder: Path
    ) -> None:
        self.services = services
        self.profiles = profiles
        self.settings = settings
        self.environment = environment | {"DOCKER_BUILDKIT": "1"}
        self.folder = folder
        self.made: list[str] = []
        self.stood_in: list[str] = []
        self.missing: list[str] = []
        self.core = self.services["bootstrap"]
        self.version = self.core["image"].rpartition(":")[2]

    def run(self, *command: str | Path) -> None:
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command[:3]))} … ended with {done.returncode}:\n{done.stderr[-3000:]}")

    def present(self, image: str) -> bool:
        """The real one, on the machine or pulled now: a stand-in that an interrupted run left does not count."""
        label = ("docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', image)
        found = subprocess.run(label, env=self.environment, capture_output=True, text=True)
        if found.returncode == 0 and found.stdout.strip() != "true":
            return True
        return succeeds("docker", "pull", "--quiet", image, environment=self.environment)

    def base(self) -> None:
        image = self.core["build"]["args"]["BASE"]
        if self.present(image):
            return
        if not shutil.which("debootstrap"):
            raise NoEngineError(f"{image} cannot be pulled, and there is no debootstrap to make it (apt-get install debootstrap)")
        root = self.folder / "base"
        self.run("debootstrap", "--variant=minbase", "--include=ca-certificates", RELEASE, root)
        archive = self.folder / "base.tar"
        self.run("tar", "--directory", root, "--create", "--file", archive, ".")
        self.run("docker", "import", archive, image)
        shutil.rmtree(root)
        archive.unlink()
        self.made.append(image)

    def stand_ins(self) -> None:
        """For each image of others that is not to be had; after the project's own, which they are built on."""
        wanted, self.missing = self.absent(STAND_INS), self.absent(WITHOUT)
        if not wanted:
            return
        options = build_secrets(self.settings)
        setup = f"customer-analytics/setup:{self.version}"
        self.run(*build_command(setup, {**self.core["build"], "target": "setup"}, options))
        self.made.append(setup)
        context = self.context()
        for name in wanted:
            image = self.services[name]["image"]
            build = {
                "context": str(context), "dockerfile": str(context / "standins" / "Dockerfile"), "target": name,
                "args": {"VERSION": self.version},
            }  # fmt: skip
            self.run(*build_command(image, build, options))
            self.made.append(image)
            self.stood_in.append(image)

    def absent(self, names: tuple[str, ...]) -> list[str]:
        asked = [name for name in names if set(self.services[name]["profiles"]) & self.profiles]
        return [name for name in asked if not self.present(self.services[name]["image"])]

    def context(self) -> Path:
        """What the stand-ins are built from: the same pins, program and binary as the native stack."""
        context = self.folder / "context"
        shutil.copytree(HERE / "standins", context / "standins")
        for name in ("requirements", "clickhouse_http"):
            shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        (context / "bin").mkdir()
        shutil.copy(self.settings.tools / "bin" / "minio", context / "bin")
        return context

    @contextmanager
    def removed_again(self) -> Iterator[None]:
        """The base stays: it is Debian's, and the project's images are built on it."""
        try:
            yield
        finally:
            for image in self.made:
                if image != self.core["build"]["args"]["BASE"]:
                    self.run("docker", "image", "rm", "--force", image)
