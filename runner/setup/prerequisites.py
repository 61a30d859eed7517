"""What the machine itself must have: tools, memory, disk. As root on Debian, what apt has is installed; else it is named."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from contracts.settings import Settings
from runner.preflight import MEGABYTE, available_mb
from runner.setup.environments import OPENMP, PYTHON
from runner.setup.item import Run, SetupError

MEMORY_MB = 10_000
GO = (1, 24)
JAVA = range(17, 22)


@dataclass(frozen=True)
class Tool:
    """A program: ``problem`` is empty where it can be used, ``packages`` are Debian's (none: apt cannot help)."""

    problem: Callable[[], str]
    packages: tuple[str, ...]


def output_of(*command: str) -> str:
    """What a command prints on both channels; empty where it does not exist or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError:
        return ""
    return "" if done.returncode else done.stdout + done.stderr


def version(text: str, pattern: str) -> tuple[int, ...]:
    """The numbers that a pattern's groups find; empty where it does not match."""
    found = re.search(pattern, text)
    return tuple(int(number) for number in found.groups()) if found else ()


def loads(library: str) -> bool:
    return bool(output_of(PYTHON, "-c", f"import ctypes; ctypes.CDLL('{library}'); print('found')"))


def python_problem() -> str:
    if version(output_of(PYTHON, "--version"), r"Python (\d+)\.(\d+)") != (3, 11):
        return f"{PYTHON} is missing"
    if not shutil.which("uv") and not output_of(PYTHON, "-c", "import ensurepip, venv; print('found')"):
        return f"{PYTHON} lacks its venv module"
    if not loads(f"lib{PYTHON}.so.1.0"):
        return f"{PYTHON} lacks its library, which Flink loads into its JVM"
    return ""


def openmp_problem() -> str:
    """LightGBM's wheel does not bring the runtime library that it loads."""
    return "" if loads("libgomp.so.1") else "libgomp.so.1 is missing"


def java_problem() -> str:
    home = os.environ.get("JAVA_HOME")
    text = output_of(str(Path(home) / "bin" / "java") if home else "java", "-version")
    return java_version_problem(text)


def java_version_problem(text: str) -> str:
    found = version(text, r'version "(\d+)')
    if not found:
        return "java (17 to 21) is missing"
    return "" if found[0] in JAVA else f"java is version {found[0]}, 17 to 21 is needed"


def go_problem() -> str:
    return go_version_problem(output_of("go", "version"))


def go_version_problem(text: str) -> str:
    wanted = ".".join(map(str, GO))
    advice = "install Go from its own download page, Debian 12's package is too old"
    found = version(text, r"go version go(\d+)\.(\d+)")
    if not found:
        return f"go {wanted} or newer is missing ({advice})"
    return "" if found >= GO else f"go is version {'.'.join(map(str, found))}, {wanted} or newer is needed ({advice})"


def unshare_problem() -> str:
    """Postgres refuses to run as root; root becomes another user by a user namespace."""
    if not shutil.which("unshare"):
        return "unshare is missing"
    if os.geteuid() == 0 and not output_of("unshare", "--user", "--map-user=1000", "--map-group=1000", "--", "id"):
        return "unshare cannot make a user namespace, which Postgres needs where everything else runs as root"
    return ""


def on_path(*names: str) -> Callable[[], str]:
    return lambda: "" if any(shutil.which(name) for name in names) else f"{names[0]} is missing"


TOOLS = {
    PYTHON: Tool(python_problem, ("python3.11", "python3.11-venv", "libpython3.11")),
    OPENMP: Tool(openmp_problem, ("libgomp1",)),
    "java": Tool(java_problem, ("openjdk-17-jre-headless",)),
    "mvn": Tool(on_path("mvn"), ("maven",)),
    "go": Tool(go_problem, ()),
    "make": Tool(on_path("make"), ("make",)),
    "unshare": Tool(unshare_problem, ("util-linux",)),
    "chromium": Tool(on_path("chromium", "chromium-browser", "google-chrome"), ("chromium",)),
}
ALWAYS = ("java", "make", "unshare")


def problems(names: Iterable[str]) -> dict[str, str]:
    found = {name: TOOLS[name].problem() for name in dict.fromkeys(names)}
    return {name: problem for name, problem in found.items() if problem}


def ensure_tools(names: Iterable[str], run: Run) -> None:
    """Install by apt what is missing and can be; SetupError names the rest in one line."""
    missing = problems(names)
    packages = [package for name in missing for package in TOOLS[name].packages]
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"apt-get install {' '.join(packages)}", flush=True)
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update"], env)
        run(["apt-get", "install", "--yes", "--no-install-recommends", *packages], env)
        missing = problems(missing)
    if missing:
        packages = [package for name in missing for package in TOOLS[name].packages]
        advice = f"; install with: apt-get install {' '.join(packages)}" if packages else ""
        raise SetupError("; ".join(missing.values()) + advice)


def check_memory(settings: Settings) -> None:
    """SetupError where the whole stack would not fit."""
    needed, found = settings.number("SETUP_MEMORY_MB", MEMORY_MB), available_mb()
    if found < needed:
        raise SetupError(f"{found} MB of memory available, the stack needs {needed} MB (SETUP_MEMORY_MB changes that)")


def check_disk(settings: Settings, needed_gb: float) -> None:
    """SetupError where the file system of ``$TOOLS_DIR`` has less than ``needed_gb`` free."""
    needed = settings.number("SETUP_DISK_MB", round(needed_gb * 1024))
    place = next(path for path in (settings.tools, *settings.tools.parents) if path.exists())
    found = shutil.disk_usage(place).free // MEGABYTE
    if found < needed:
        raise SetupError(f"{found} MB of disk free at {place}, {needed} MB are needed (SETUP_DISK_MB changes that)")
