"""``python3 -m runner.setup [--compile [--upgrade]] [NAME …]``: install what is missing; dev, synth and compose if named."""

import argparse
import fcntl
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - an older python3 gets one line instead of a failing import
    sys.exit("setup: python 3.11 is needed, this is " + sys.version.split()[0])

from contracts.settings import Settings, SettingsError, settings
from runner.setup import compose, environments, jars, minio, prerequisites
from runner.setup.item import Item, SetupError
from runner.setup.progress import Commands, install_all, last_lines

ALL = "all"
CHROMIUM = "chromium"
ONLY_WHEN_NAMED = (*environments.ON_REQUEST, compose.NAME)


def catalogue(tools: Path) -> dict[str, Item]:
    # What takes longest starts first.
    everything = [minio.item(tools), compose.item(tools), jars.item(tools), *environments.items(tools)]
    return {item.name: item for item in everything}


def select(items: dict[str, Item], names: Sequence[str]) -> list[Item]:
    """The items named; ``all`` or no name stands for all that running the stack takes."""
    usual = [name for name in items if name not in ONLY_WHEN_NAMED]
    wanted = {name for given in names or [ALL] for name in (usual if given == ALL else [given])}
    return [item for name, item in items.items() if name in wanted]


@contextmanager
def lock(tools: Path) -> Iterator[None]:
    """Only one setup at a time changes ``$TOOLS_DIR``; the kernel drops the lock with the process."""
    tools.mkdir(parents=True, exist_ok=True)
    with (tools / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another setup is at work on {tools}: waiting for it", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def missing(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if not item.installed()]


def install(wanted: Sequence[Item], tools: tuple[str, ...], known: Settings) -> None:
    """Bring what is missing; SetupError names what failed, after its last log lines."""
    commands = Commands(known.tools / "log")
    ensure(commands, (*prerequisites.ALWAYS, *tools, *(need for item in wanted for need in item.needs)))
    if not wanted:
        return
    if not (known.tools / "venvs").exists():
        # Later the stack itself may be what takes the memory.
        prerequisites.check_memory(known)
    prerequisites.check_disk(known, sum(item.disk_gb for item in wanted))
    if any(item.name in environments.ENVIRONMENTS for item in wanted):
        ensure_uv(known.tools, commands)
    failed = [progress for progress in install_all(wanted, commands) if progress.error]
    for progress in failed:
        show_log(progress.item.name, commands)
    if failed:
        raise SetupError("; ".join(f"{progress.item.name}: {progress.error}" for progress in failed))


def ensure(commands: Commands, names: tuple[str, ...]) -> None:
    try:
        prerequisites.ensure_tools(names, partial(commands.run, commands.log("apt")))
    except SetupError:
        show_log("apt", commands)
        raise


def ensure_uv(tools: Path, commands: Commands) -> None:
    if environments.find_uv(tools).exists():
        return
    print("  uv", flush=True)
    try:
        environments.install_uv(tools, partial(commands.run, commands.log("uv")))
    except SetupError:
        show_log("uv", commands)
        raise


def show_log(name: str, commands: Commands) -> None:
    lines = last_lines(commands.log(name))
    if lines:
        print(f"--- {commands.log(name)}", *lines, "---", sep="\n", file=sys.stderr)


def renew(names: Sequence[str], upgrade: bool, known: Settings) -> None:
    """Write the pins and checksums that installations are held to."""
    commands = Commands(known.tools / "log")
    ensure_uv(known.tools, commands)
    uv = environments.find_uv(known.tools)
    for name in names or ["uv", *environments.ENVIRONMENTS, "jars"]:
        print(f"  {name}", flush=True)
        run = partial(commands.run, commands.log("compile"))
        try:
            jars.renew(known.tools, run) if name == "jars" else environments.compile_pins(name, uv, run, upgrade)
        except SetupError:
            show_log("compile", commands)
            raise


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m runner.setup", description=__doc__)
    known = [ALL, CHROMIUM, "jars", "minio", compose.NAME, "uv", *environments.ENVIRONMENTS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(known)}")
    parser.add_argument("--compile", action="store_true", help="renew the pins and checksums in requirements/ instead")
    parser.add_argument("--upgrade", action="store_true", help="with --compile: take the newest versions that fit")
    given = parser.parse_args(argv)
    unknown = [name for name in given.names if name not in known]
    if unknown:
        parser.error(f"{unknown[0]!r} is none of {', '.join(known)}")
    return given


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        known = settings()
        if given.compile:
            with lock(known.tools):
                renew(given.names, given.upgrade, known)
            return 0
        wanted = select(catalogue(known.tools), given.names)
        tools = (CHROMIUM,) if CHROMIUM in given.names else ()
        if missing(wanted) or prerequisites.problems(tools):
            with lock(known.tools):
                install(missing(wanted), tools, known)
    except (SetupError, SettingsError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"setup: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
