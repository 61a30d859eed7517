"""Stop the stack: ``python3 -m runner.stop [--remove-data]``. Standard library alone, so any Python 3.11 will do.

Services stop in the reverse order of their start, each with its own grace, then supervisord; what is left of the stack
after that, because supervisord was killed for example, is ended by its mark in the environment.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Collection
from pathlib import Path

from contracts.settings import ROOT, SettingsError, env_file, settings
from runner import processes
from runner.control import ALIVE, IDENTIFIER, Control, socket_path
from runner.service import StackError

SAVEPOINT_SECONDS = 120
STOP_SECONDS = 90
LEFTOVER_SECONDS = 30
# supervisord stops its services one level after the other, each with its own grace.
ENDING_SECONDS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--remove-data", action="store_true", help="remove VAR_DIR afterwards: databases, logs, results")
    arguments = parser.parse_args()
    try:
        ended = down(arguments.remove_data)
    except (StackError, SettingsError) as error:
        sys.exit(str(error))
    except xmlrpc.client.Fault as fault:
        sys.exit(f"supervisord answers {fault.faultString}: is it stopped by somebody else? Then once more")
    held = f", with {ended} processes that nobody held any more" if ended else ""
    print(f"stopped{held}; {settings().var} is {'removed' if arguments.remove_data else 'kept'}")


def down(remove_data: bool = False, save: bool = True) -> int:
    """Stop everything of this VAR_DIR; ``save`` lets the streaming job keep its state first.

    Returns how many processes were left over that supervisord did not hold. StackError where something goes on running.
    """
    control, var = Control(), settings().var
    wait_for_supervisord(control)
    if control.running():
        if save and control.processes()["flink-jobmanager"].state == "RUNNING":
            save_jobs()
        stop_services(control, control.processes())
        supervisord = control.pid()
        control.shutdown()
        wait_for_end({supervisord}, LEFTOVER_SECONDS)
    ended = end_leftovers(var)
    remove_socket(var)
    if remove_data:
        remove(var)
    return ended


def save_jobs() -> None:
    """Let the streaming job write its state. Without it the next start resumes from the last checkpoint."""
    python = settings().tools / "venvs" / "core" / "bin" / "python"
    if not python.exists():
        return
    command = (str(python), "-c", "from runner.bootstrap import before_stop; before_stop()")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ENV_FILE": str(env_file())}
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, timeout=SAVEPOINT_SECONDS, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        print(f"flink: no savepoint within {SAVEPOINT_SECONDS} s; the job resumes from its last checkpoint", file=sys.stderr)
        return
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"flink: no savepoint ({reason}); the job resumes from its last checkpoint", file=sys.stderr)


def stop_services(control: Control, names: Collection[str]) -> None:
    """Stop the named services level by level, from the one that depends on most; those of one level side by side."""
    chosen = [process for process in control.processes().values() if process.name in names]
    for priority in sorted({process.priority for process in chosen}, reverse=True):
        level = [process.name for process in chosen if process.priority == priority]
        for name in level:
            control.stop(name)
        wait_until_stopped(control, level)


def wait_until_stopped(control: Control, names: list[str]) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while alive := [process.name for process in control.processes().values() if process.name in names and process.state in ALIVE]:
        if time.monotonic() > deadline:
            raise StackError(f"{', '.join(alive)} did not stop within {STOP_SECONDS} s")
        time.sleep(0.1)


def wait_for_supervisord(control: Control) -> None:
    """Where it is ending, until it has: it still gives the databases the time that they take to stop."""
    if not control.ending():
        return
    pid = (settings().var / "run" / "supervisord.pid").read_text()
    if wait_for_end({int(pid)}, ENDING_SECONDS):
        raise StackError(f"supervisord has not ended after {ENDING_SECONDS} s: see {settings().var / 'log' / 'supervisord.log'}")


def wait_for_end(pids: Collection[int], seconds: float) -> set[int]:
    """The processes that still live after so long."""
    deadline = time.monotonic() + seconds
    while (left := set(pids) & processes.parents().keys()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def end_leftovers(var: Path) -> int:
    """End what still carries the stack's mark, first by asking; StackError where something survives."""
    found = processes.marked(var)
    left = set(found)
    for what, seconds in ((signal.SIGTERM, LEFTOVER_SECONDS), (signal.SIGKILL, 5)):
        for pid in left:
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                continue
        left = wait_for_end(left, seconds)
    if left:
        raise StackError(f"still running: {', '.join(f'{pid} ({processes.command(pid)})' for pid in sorted(left))}")
    return len(found)


def remove_socket(var: Path) -> None:
    """And the folder that it has to itself where the stack lies too deep for a socket."""
    socket_path().unlink(missing_ok=True)
    if not socket_path().is_relative_to(var):
        # A supervisord that was killed leaves another name of its socket there.
        shutil.rmtree(socket_path().parent, ignore_errors=True)


def remove(var: Path) -> None:
    """Remove VAR_DIR; StackError where no stack has ever run there: /var has directories of the same names."""
    if not var.exists():
        return
    if var in (ROOT, *ROOT.parents, Path.home()) or not (var == ROOT / "var" or holds_stack(var)):
        raise StackError(f"{var} does not look like the data of a stack: remove it by hand")
    shutil.rmtree(var)


def holds_stack(var: Path) -> bool:
    conf = var / "etc" / "supervisord.conf"
    return conf.is_file() and f"identifier={IDENTIFIER}" in conf.read_text(errors="replace").splitlines()


if __name__ == "__main__":
    main()
